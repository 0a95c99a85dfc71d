import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { guestCopyOf } from "../../../src/daemon/vm/guest-copy.ts";

vi.setConfig({ testTimeout: 120_000 });

const found = (program: string) => spawnSync("sh", ["-c", `command -v ${program}`], { encoding: "utf8" }).stdout.trim();
const busybox = found("busybox");
/** What guests have: Debian's programs, and busybox where this host has one. */
const guests = ["debian", ...(busybox === "" ? [] : ["busybox"])];

let directory: string;
let tree: string;
let there: string;
let programs: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "banger-guest-copy-"));
  [tree, there, programs] = [join(directory, "tree"), join(directory, "guest/tree"), join(directory, "programs")];
  for (const at of [tree, there, programs]) mkdirSync(at, { recursive: true });
});
afterEach(() => {
  execFileSync("chmod", ["-R", "u+rwx", directory]);
  rmSync(directory, { recursive: true });
});

/** Copies the tree into the guest's directory, where it is merged into the one that is there. */
function copied(kind: string, uid?: number) {
  if (kind === "busybox") execFileSync(busybox, ["--install", "-s", programs]);
  const { argv } = guestCopyOf(tree, "web:guest");
  const { status, stderr } = spawnSync(kind === "busybox" ? join(programs, "sh") : "sh", argv.slice(1), {
    cwd: directory,
    env: { LC_ALL: "C", PATH: `${programs}:${process.env["PATH"]}` },
    input: execFileSync("tar", ["-cf", "-", "--transform", "s,^\\.,t,rSH", "-C", tree, "."], { maxBuffer: 1 << 28 }),
    encoding: "latin1",
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  expect(readdirSync(join(directory, "guest"))).toEqual(["tree"]);
  expect(readdirSync(there).filter((name) => name.startsWith(".banger-cp"))).toEqual([]);
  return { status, stderr };
}

/** A program that does `first`, in the place of one that the guest has. */
function stub(name: string, first: string): void {
  writeFileSync(join(programs, name), `#!/bin/sh\n${first}\nexec ${found(name)} "$@"\n`, { mode: 0o755 });
}

const listed = (at: string) =>
  execFileSync("find", [".", "-printf", "%P %y %m %l\n"], { cwd: at, encoding: "latin1" }).split("\n").toSorted();
const contents = (at: string, ...names: string[]) => names.map((name) => readFileSync(join(at, name), "latin1"));

describe.each(guests)("a tree that comes to one that is there (%s)", (kind) => {
  it("is merged with it, whatever the names are", () => {
    const odd = ["-rf", " ", "new\nline\n", ".dot", "..dots", "*", "[a]", "back\\slash", "'\"$x`", "end\\"];
    for (const name of odd) {
      for (const at of [tree, there]) mkdirSync(join(at, "d", name), { recursive: true });
      for (const at of [join(tree, "d", name), tree]) writeFileSync(join(at, `f${name}`), "new");
      writeFileSync(join(there, "d", name, `f${name}`), "old");
      writeFileSync(join(there, "d", name, "kept"), "old");
    }
    for (let byte = 0x80; byte < 0x100; byte++) {
      const name = Buffer.concat([Buffer.from(`${tree}/d/`), Buffer.from([byte])]);
      writeFileSync(name, "new");
    }
    mkdirSync(join(tree, "only/deep/empty"), { recursive: true });
    symlinkSync("nowhere", join(tree, "d/link"));
    expect(copied(kind)).toEqual({ status: 0, stderr: "" });
    for (const name of odd) {
      expect(contents(there, `f${name}`, `d/${name}/f${name}`, `d/${name}/kept`)).toEqual(["new", "new", "old"]);
      rmSync(join(there, "d", name, "kept"));
    }
    expect(listed(there)).toEqual(listed(tree));
  });

  it("writes into nothing that is there: another name of a file keeps what it had, and so does what a link leads to", () => {
    for (const name of ["file", "link", "to dir"]) writeFileSync(join(tree, name), "new");
    mkdirSync(join(directory, "outside"));
    writeFileSync(join(directory, "outside/precious"), "old");
    writeFileSync(join(there, "file"), "old");
    linkSync(join(there, "file"), join(directory, "same"));
    symlinkSync(join(directory, "outside/precious"), join(there, "link"));
    symlinkSync(join(directory, "outside"), join(there, "to dir"));
    expect(copied(kind)).toEqual({ status: 0, stderr: "" });
    expect(contents(there, "file", "link", "to dir")).toEqual(["new", "new", "new"]);
    expect(contents(directory, "same", "outside/precious")).toEqual(["old", "old"]);
    expect(readdirSync(join(directory, "outside"))).toEqual(["precious"]);
    expect(lstatSync(join(there, "link")).isFile()).toBe(true);
  });

  it("gives a directory that is there the mode of the new one, but for the top", () => {
    for (const at of [tree, there]) mkdirSync(join(at, "sub/below"), { recursive: true });
    writeFileSync(join(tree, "sub/below/file"), "new");
    chmodSync(join(tree, "sub/below"), 0o510);
    chmodSync(join(tree, "sub"), 0o711);
    chmodSync(tree, 0o700);
    chmodSync(there, 0o750);
    expect(copied(kind)).toEqual({ status: 0, stderr: "" });
    expect(["", "sub", "sub/below"].map((at) => statSync(join(there, at)).mode & 0o777)).toEqual([0o750, 0o711, 0o510]);
    expect(contents(there, "sub/below/file")).toEqual(["new"]);
  });

  it.each<[string, (at: string) => void, (at: string) => void, string]>([
    ["a file for a directory", (at) => writeFileSync(at, "new"), (at) => mkdirSync(at), "z is a directory"],
    [
      "a directory for a file",
      (at) => mkdirSync(at),
      (at) => writeFileSync(at, "old"),
      "z is there, and is no directory",
    ],
    [
      "a directory for a link to one",
      (at) => mkdirSync(at),
      (at) => symlinkSync("..", at),
      "z is a link, which is not followed",
    ],
    ["a link for a directory", (at) => symlinkSync("..", at), (at) => mkdirSync(at), "z is a directory"],
    [
      "a file for a FIFO",
      (at) => writeFileSync(at, "new"),
      (at) => void execFileSync("mkfifo", [at]),
      "z is no regular file",
    ],
  ])("is refused before anything is moved where it has %s", (_, make, had, says) => {
    for (const at of [tree, there]) mkdirSync(join(at, "sub/below"), { recursive: true });
    writeFileSync(join(tree, "first"), "new");
    make(join(tree, "sub/below/z"));
    had(join(there, "sub/below/z"));
    const before = listed(there);
    expect(copied(kind)).toEqual({ status: 73, stderr: expect.stringMatching(`${says}\n$`) as string });
    expect(listed(there)).toEqual(before);
  });

  it("is refused where it is a link that has the name, as cp does it", () => {
    writeFileSync(join(tree, "file"), "new");
    mkdirSync(join(directory, "outside"));
    rmSync(there, { recursive: true });
    symlinkSync(join(directory, "outside"), there);
    expect(copied(kind)).toEqual({ status: 73, stderr: "./guest/tree is a link, which is not followed\n" });
    expect(readlinkSync(there)).toBe(join(directory, "outside"));
    expect(readdirSync(join(directory, "outside"))).toEqual([]);
  });
});

// To root it doesn't matter, and the tar of busybox unpacks nothing into a closed directory.
describe.skipIf(process.getuid?.() !== 0)("a tree with closed directories", () => {
  it.each(["", "sub", "only"])("comes whole where a directory of it is closed: %j", (closed) => {
    for (const at of [tree, there]) mkdirSync(join(at, "sub"), { recursive: true });
    mkdirSync(join(tree, "only"));
    for (const name of ["sub/file", "only/file", "file"]) writeFileSync(join(tree, name), "new");
    writeFileSync(join(there, "sub/file"), "old");
    chmodSync(directory, 0o755);
    execFileSync("chown", ["-R", "61000:61000", join(directory, "guest")]);
    chmodSync(join(tree, closed), 0o555);
    if (closed === "") rmSync(there, { recursive: true });
    expect(copied("debian", 61_000)).toEqual({ status: 0, stderr: "" });
    expect(contents(there, "sub/file", "only/file", "file")).toEqual(["new", "new", "new"]);
    expect(statSync(join(there, closed)).mode & 0o777).toBe(0o555);
  });

  it("leaves nothing where it is refused, closed directories neither", () => {
    mkdirSync(join(tree, "closed"));
    writeFileSync(join(tree, "closed/file"), "new");
    chmodSync(join(tree, "closed"), 0o555);
    writeFileSync(join(tree, "z"), "new");
    mkdirSync(join(there, "z"));
    chmodSync(directory, 0o755);
    execFileSync("chown", ["-R", "61000:61000", join(directory, "guest")]);
    expect(copied("debian", 61_000)).toMatchObject({ status: 73 });
    expect(readdirSync(there)).toEqual(["z"]);
  });
});

describe("a merge that doesn't come to its end", () => {
  beforeEach(() => {
    for (const [at, text] of [
      [tree, "new"],
      [there, "old"],
    ] as const) {
      mkdirSync(join(at, "sub"));
      writeFileSync(join(at, "file"), text);
      writeFileSync(join(at, "sub/last"), text);
    }
  });

  it.each([
    ["fails", "echo \"mv: cannot move 'a' to 'b': No space left on device\" >&2; exit 1", ": No space left on device"],
    ["is told to leave", "kill -TERM $PPID; exit 0", ""],
  ])("says that part of it is there, and leaves the rest as it was, when it %s", (_, act, says) => {
    stub("mv", `case "$*" in */last*) ${act} ;; esac`);
    expect(copied("debian")).toEqual({ status: 75, stderr: `./guest/tree has part of what was to be copied${says}\n` });
    expect(contents(there, "file", "sub/last")).toEqual(["new", "old"]);
  });

  it("runs no program for each file", () => {
    for (const at of [tree, there]) {
      mkdirSync(join(at, "many"));
      for (let index = 0; index < 1_000; index++) writeFileSync(join(at, `many/${index}`), at === tree ? "new" : "old");
    }
    stub("mv", `echo >> "${directory}/moves"`);
    expect(copied("debian")).toEqual({ status: 0, stderr: "" });
    expect(contents(there, "many/0", "many/999")).toEqual(["new", "new"]);
    expect(readFileSync(join(directory, "moves"), "utf8").length).toBeLessThan(20);
  });
});
