import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { guestCopyOf } from "../../../src/daemon/vm/guest-copy.ts";
import { CliHost, endOf } from "../../support/scripted-daemon.ts";

vi.setConfig({ testTimeout: 120_000 });

let host: CliHost;
let guest: string;
let here: string;
/** Called with each piece that the guest gives. */
let onPiece: () => void;
/** Programs that the guest has; all by default. */
let path: string;
/** How the guest's command ends, where that is scripted. */
let end: { readonly exit_code: number | null; readonly signal: number | null } | undefined;
beforeEach(async () => {
  host = new CliHost();
  guest = mkdtempSync(join(tmpdir(), "banger-guest-"));
  here = mkdtempSync(join(tmpdir(), "banger-here-"));
  onPiece = () => undefined;
  path = process.env["PATH"] ?? "";
  end = undefined;
  await host.serve({
    // The guest's command, run here.
    vmCopy: async ({ source, destination }, { input, emit, signal }) => {
      if (end !== undefined) return end;
      const { argv, stdin } = guestCopyOf(source, destination);
      const [file = "", ...args] = argv;
      const child = spawn(file, args, {
        cwd: guest,
        env: { LC_ALL: "C", PATH: path },
        stdio: [stdin ? "pipe" : "ignore", "pipe", "pipe"],
        detached: true,
      });
      // As the agent has it: the whole group.
      signal.addEventListener("abort", () => process.kill(-(child.pid ?? 0), "SIGTERM"));
      const ended = once(child, "close");
      child.stdin?.on("error", () => undefined);
      void (async () => {
        for await (const piece of input) child.stdin?.write(piece);
        if (!signal.aborted) child.stdin?.end();
      })();
      const told = (["stdout", "stderr"] as const).map(async (name) => {
        for await (const piece of child[name] ?? []) {
          onPiece();
          await emit(name, (piece as Buffer).toString("base64"));
        }
      });
      const [code, killed] = (await ended) as [number | null, string | null];
      await Promise.all(told);
      signal.throwIfAborted();
      return { exit_code: code, signal: killed === null ? null : 15 };
    },
    traceSubmit: async ({ spans }) => ({ accepted: spans.length }),
  });
});
afterEach(async () => {
  await host[Symbol.asyncDispose]();
  for (const directory of [guest, here]) {
    execFileSync("chmod", ["-R", "u+rwx", directory]);
    rmSync(directory, { recursive: true });
  }
});

const cp = (...argv: string[]) => host.run(["cp", ...argv]);
const listed = (at: string) =>
  execFileSync("find", [".", "-printf", "%P %y %m %n %l\n"], { cwd: at, encoding: "latin1" }).split("\n").toSorted();

const sums = (at: string) =>
  execFileSync("find", [".", "-type", "f", "-exec", "sha256sum", "{}", "+"], { cwd: at, encoding: "latin1" })
    .split("\n")
    .toSorted();

/** A tree of all that may be odd. */
function oddTree(at: string): void {
  mkdirSync(join(at, "-rf dir/deep/empty"), { recursive: true });
  writeFileSync(join(at, "-rf dir/new\nline"), "text", { mode: 0o640 });
  writeFileSync(Buffer.concat([Buffer.from(`${at}/`), Buffer.from([0xff, 0xfe])]), "bytes");
  writeFileSync(join(at, "n".repeat(200)), "long");
  writeFileSync(join(at, "run me"), "#!/bin/sh\n", { mode: 0o755 });
  writeFileSync(join(at, "large"), Buffer.alloc(700_001, "0123456789"));
  writeFileSync(join(at, "nothing"), "");
  symlinkSync("../outside/at all", join(at, "link"));
  symlinkSync("-rf dir", join(at, "to dir"));
  execFileSync("ln", [join(at, "run me"), join(at, "same")]);
  writeFileSync(join(at, "closed"), "", { mode: 0o400 });
}

function pipes(at: string): void {
  execFileSync("sh", ["-c", "seq 1003 | xargs mkfifo"], { cwd: at });
}

describe("vm cp", () => {
  it("takes a tree to a guest and back as it was: modes, links, names of all kinds", async () => {
    oddTree(join(here, "tree"));
    execFileSync("mkfifo", [join(here, "tree/pipe")]);
    const there = await cp(join(here, "tree"), "web:copy");
    expect(there).toMatchObject({ code: 0, stdout: "" });
    expect(there.stderr).toContain("! not copied: ");
    rmSync(join(here, "tree/pipe"));
    expect(listed(join(guest, "copy"))).toEqual(listed(join(here, "tree")));
    expect(await cp("web:copy", join(here, "back"))).toMatchObject({ code: 0, stdout: "" });
    expect(listed(join(here, "back"))).toEqual(listed(join(here, "tree")));
    expect(sums(join(here, "back"))).toEqual(sums(join(here, "tree")));
    expect([...readdirSync(guest), ...readdirSync(here)].toSorted()).toEqual(["back", "copy", "tree"]);
  });

  it.each([
    ["to", () => here, () => cp(join(here, "tree"), "web:copy"), () => guest],
    ["from", () => guest, () => cp("web:tree", join(here, "copy")), () => here],
  ])("%s a guest leaves sockets and FIFOs out, says each, and is content", async (_, at, copy, to) => {
    mkdirSync(join(at(), "tree"));
    writeFileSync(join(at(), "tree/file"), "text");
    execFileSync("mkfifo", [join(at(), "tree/pipe")]);
    const listening = createServer().listen(join(at(), "tree/socket"));
    await once(listening, "listening");
    const { code, stderr } = await copy();
    listening.close();
    expect({ code, told: stderr.split("\n").filter((line) => line.startsWith("! not copied: ")).length }).toEqual({
      code: 0,
      told: 2,
    });
    expect(stderr).toMatch(/^! not copied: (".*|.*\/)pipe"? \(a FIFO\)$/m);
    expect(stderr).toMatch(/^! not copied: (".*|.*\/)socket"? \(a socket\)$/m);
    expect(readdirSync(join(to(), "copy"))).toEqual(["file"]);
  });

  it.each<[string, string, string, string]>([
    // Into a directory that is there, else to a new name.
    ["file", "web:new", "new", ""],
    ["file", "web:", "file", ""],
    ["file", "web:dir", "dir/file", ""],
    ["file", "web:dir/", "dir/file", ""],
    ["file", "web:dir/new", "dir/new", ""],
    ["file", "web:old", "old", ""],
    ["file", "web:away/new", "", "not_found"],
    ["file", "web:away/", "", "not_found"],
    ["file", "web:old/new", "", "not_found"],
    ["tree", "web:dir", "dir/tree/in", ""],
    ["tree/", "web:dir", "dir/tree/in", ""],
    ["tree/.", "web:dir", "dir/in", ""],
    ["tree", "web:new/", "new/in", ""],
    ["tree", "web:old", "", "already_exists"],
    ["file", "web:-new", "-new", ""],
    ["nothing", "web:new", "", "not_found"],
    // A link on the command line is followed.
    ["link", "web:new", "new", ""],
  ])("of %s to %s makes %j %s", async (source, destination, made, code) => {
    for (const [side, prefix] of [
      [here, ""],
      [guest, "web:"],
    ] as const) {
      mkdirSync(join(side, "tree"));
      writeFileSync(join(side, "tree/in"), "copied");
      writeFileSync(join(side, "file"), "copied");
      symlinkSync("file", join(side, "link"));
      const other = side === here ? guest : here;
      mkdirSync(join(other, "dir"));
      writeFileSync(join(other, "dir/kept"), "kept");
      writeFileSync(join(other, "old"), "old");
      const before = listed(other);
      const to = destination.slice("web:".length);
      const [from, into] =
        prefix === ""
          ? [`${here}/${source}`, destination]
          : [`web:${source}`, `${here}/${to}`.replace(/\/$/, to === "" || to.endsWith("/") ? "/" : "")];
      const { code: exit, stderr } = await cp(from, into);
      expect(stderr).toContain(code === "" ? "1 file copied" : `[${code}]`);
      if (code === "") expect(readFileSync(join(other, made), "utf8")).toBe("copied");
      else expect(listed(other)).toEqual(before);
      expect(exit === 0).toBe(code === "");
      expect(readFileSync(join(other, "dir/kept"), "utf8")).toBe("kept");
      for (const at of [here, guest]) {
        rmSync(at, { recursive: true });
        mkdirSync(at);
      }
    }
  });

  it("takes a file's bare bytes from standard input, and gives them to standard output", async () => {
    const child = host.spawn(["cp", "-", "web:piped"]);
    child.stdin?.end("by a pipe");
    expect(await endOf(child)).toMatchObject({ code: 0 });
    expect(await cp("web:piped", "-")).toMatchObject({ code: 0, stdout: "by a pipe", stderr: "" });
    expect((await cp("web:.", "-")).code).not.toBe(0);
  });

  it("leaves nothing half when it is interrupted, on either side", async () => {
    writeFileSync(join(guest, "large"), Buffer.alloc(8_000_000));
    const child = host.spawn(["cp", "web:large", here]);
    onPiece = () => void (onPiece = () => child.kill("SIGINT"));
    expect((await endOf(child)).code).toBe(130);
    expect(readdirSync(here)).toEqual([]);

    const piped = host.spawn(["cp", "-", "web:piped"]);
    piped.stdin?.write("half");
    await expect.poll(() => readdirSync(guest).length, { timeout: 60_000 }).toBe(2);
    piped.kill("SIGINT");
    expect((await endOf(piped)).code).toBe(130);
    await expect.poll(() => readdirSync(guest), { timeout: 60_000 }).toEqual(["large"]);
  });

  it("does not follow a link that an earlier copy left where a directory is to be", async () => {
    mkdirSync(join(here, "outside"));
    mkdirSync(join(here, "dir/tree"), { recursive: true });
    symlinkSync("../../outside", join(here, "dir/tree/sub"));
    mkdirSync(join(guest, "tree/sub"), { recursive: true });
    writeFileSync(join(guest, "tree/sub/file"), "x");
    expect(await cp("web:tree", join(here, "dir"))).toMatchObject({ code: 73 });
    expect(readdirSync(join(here, "outside"))).toEqual([]);
  });

  it("never takes a device's place", async () => {
    writeFileSync(join(guest, "file"), "x");
    execFileSync("mkfifo", [join(here, "pipe")]);
    expect(await cp("web:file", join(here, "pipe"))).toMatchObject({ code: 73 });
    expect(listed(here).join("\n")).toContain("pipe p");
  });

  it("says what a guest lacks", async () => {
    path = here;
    symlinkSync("/bin/sh", join(here, "sh"));
    mkdirSync(join(guest, "dir"));
    const lacking = await cp("web:dir", join(here, "dir"));
    expect(lacking).toMatchObject({ code: 69, stderr: expect.stringContaining("the guest has no tar") as string });
  });

  it.each<[string, () => string[], RegExp, number]>([
    [
      "a file that isn't there",
      () => [join(here, "nope"), "web:x"],
      /^banger: vm cp: .*nope: there is no such file/,
      66,
    ],
    [
      "no directory here",
      () => ["web:file", join(here, "no/dir")],
      /^banger: vm cp: there is no directory .*\/no /,
      66,
    ],
    [
      "a place that takes nothing",
      () => [join(here, "file"), "web:/proc/x"],
      /^banger: vm cp: in the guest: nothing can be made in \/proc\/: No such file or directory /,
      71,
    ],
    [
      "a place here that takes nothing",
      () => ["web:file", "/proc/x"],
      /^banger: vm cp: nothing can be made in \/proc /,
      71,
    ],
    [
      "a mount in its way",
      () => [join(here, "file"), "web:/proc/version/x"],
      /^banger: vm cp: in the guest: there is no directory \/proc\/version\/ /,
      66,
    ],
  ])("names itself and the reason in an error: %s", async (_, argv, says, code) => {
    for (const side of [here, guest]) writeFileSync(join(side, "file"), "x");
    const { code: exit, stderr } = await cp(...argv());
    expect(stderr).toMatch(says);
    expect(stderr).toMatch(/\(op-[0-9a-f]{32}\)/);
    expect(stderr).not.toContain(".banger-cp");
    expect(exit).toBe(code);
  });

  it.each([
    [73, null, "Nothing of it was left there."],
    [74, null, "Nothing of it was left there."],
    [75, null, "What isn't there of it is as it was before; copy it again."],
    [137, null, "Part of it may be there,"],
    [null, 9, "Part of it may be there,"],
  ])("says what the guest has of a copy that ended there with %s, signal %s", async (exitCode, signal, says) => {
    writeFileSync(join(here, "file"), "x");
    end = { exit_code: exitCode, signal };
    const { code, stderr } = await cp(join(here, "file"), "web:");
    expect(code).not.toBe(0);
    expect(stderr).toContain(says);
  });

  it.each([
    ["a place here", () => join(here, "x"), "Nothing of it was left here."],
    ["standard output", () => "-", "Standard output may have part of it."],
  ])("says what %s has of a copy that the guest didn't give whole", async (_, to, says) => {
    end = { exit_code: 2, signal: null };
    expect((await cp("web:file", to())).stderr).toContain(says);
    expect(readdirSync(here)).toEqual([]);
  });

  it.each([
    ["neither place in a guest", ["a", "b"]],
    ["both in guests", ["web:a", "db:b"]],
    ["a name that is none with a slash before the colon", ["./web:a", "b"]],
  ])("refuses %s", async (_, argv) => expect(await cp(...argv)).toMatchObject({ code: 64 }));

  it("counts, and says what it left, as JSON", async () => {
    writeFileSync(join(here, "file"), "12345");
    const { stdout } = await host.run(["vm", "cp", "--json", join(here, "file"), "web:"]);
    expect(JSON.parse(stdout)).toEqual({ files: 1, bytes: 5, skipped: [], skipped_more: 0 });
    expect(existsSync(join(guest, "file"))).toBe(true);
  });

  it.each<[string, (at: string) => void, () => string[]]>([
    ["FIFOs here", pipes, () => [join(here, "tree"), "web:copy"]],
    ["FIFOs in a guest", pipes, () => ["web:tree", join(here, "copy")]],
    [
      "sockets in a guest",
      () => {
        const says = "seq 1003 | sed 's,.*,tar: ./&: socket ignored,' >&2";
        writeFileSync(join(guest, "tar"), `#!/bin/sh\n${says}\nexec /usr/bin/env -i tar "$@"\n`, { mode: 0o755 });
        path = `${guest}:${path}`;
      },
      () => ["web:tree", join(here, "copy")],
    ],
  ])("names so many %s that are left out, and counts the rest", async (_, make, argv) => {
    for (const at of [here, guest]) {
      mkdirSync(join(at, "tree"));
      make(join(at, "tree"));
    }
    const { code, stdout, stderr } = await cp("--json", ...argv());
    const told = JSON.parse(stdout) as { skipped: string[]; skipped_more: number };
    expect({ code, names: told.skipped.length, more: told.skipped_more }).toEqual({ code: 0, names: 1_000, more: 3 });
    expect(stderr.split("\n").filter((line) => line.startsWith("! not copied: ")).length).toBe(1_001);
    expect(stderr).toContain("! not copied: and 3 more\n");
  });
});
