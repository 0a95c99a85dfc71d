import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { putInPlace } from "../../../src/cli/copy/put-in-place.ts";
import { CopyTally } from "../../../src/cli/copy/tally.ts";
import { unpack } from "../../../src/cli/copy/unpack.ts";
import { type Member, tarArchive } from "../../support/tar-archive.ts";

let directory: string;
let tally: CopyTally;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "banger-unpack-"));
  tally = new CopyTally();
  mkdirSync(join(directory, "scratch"));
  writeFileSync(join(directory, "precious"), "as it was");
});
afterEach(() => {
  execFileSync("chmod", ["-R", "u+rwx", directory]);
  rmSync(directory, { recursive: true });
});

async function* chunks(bytes: Buffer, length = 1_000): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

const taken = (bytes: Buffer) =>
  unpack(chunks(bytes), { scratch: Buffer.from(join(directory, "scratch")), umask: 0o022, tally });
const inside = (...path: string[]) => join(directory, "scratch", "t", ...path);

const top: Member = { name: "./", type: "5" };
const outside = "../../../precious";

describe("what a hostile guest sends", () => {
  it.each<[string, readonly Member[]]>([
    ["a path with ..", [top, { name: "./../../precious", data: "x" }]],
    ["a path with .. in its middle", [top, { name: "a/../../../precious", data: "x" }]],
    ["an absolute path", [top, { name: "/tmp/banger-hostile", data: "x" }]],
    ["a PAX path with ..", [top, { name: "a", pax: { path: "../precious" }, data: "x" }]],
    ["a file through a link", [top, { name: "./a", type: "2", link: "../.." }, { name: "./a/precious", data: "x" }]],
    [
      "a directory through a link",
      [top, { name: "./a", type: "2", link: "/tmp" }, { name: "./a/banger-hostile", type: "5" }],
    ],
    ["a file over a link", [top, { name: "./a", type: "2", link: outside }, { name: "./a", data: "x" }]],
    ["a directory over a link", [top, { name: "./a", type: "2", link: "/tmp" }, { name: "./a", type: "5" }]],
    ["a hard link to what is outside", [top, { name: "./a", type: "1", link: outside }]],
    ["a hard link to an absolute path", [top, { name: "./a", type: "1", link: "/etc/passwd" }]],
    [
      "a hard link through a link",
      [top, { name: "./d", type: "2", link: "../.." }, { name: "./a", type: "1", link: "./d/precious" }],
    ],
    ["a hard link to a directory", [top, { name: "./d", type: "5" }, { name: "./a", type: "1", link: "./d" }]],
    ["a top that is a link", [{ name: "./x", type: "2", link: outside }]],
    ["a top that is a device", [{ name: "./x", type: "3" }]],
    [
      "a second file behind the one",
      [
        { name: "./x", data: "x" },
        { name: "./y", data: "x" },
      ],
    ],
    ["something below a file", [top, { name: "./a", data: "x" }, { name: "./a/b", data: "x" }]],
    ["something before its directory", [top, { name: "./a/b", data: "x" }]],
    ["a sparse member", [top, { name: "./a", type: "S", data: "x" }]],
    ["a member in parts", [top, { name: "./a", type: "M", data: "x" }]],
    ["its top twice", [top, top]],
    ["nothing", []],
  ])("%s: is refused, and nothing outside is touched", async (_, members) => {
    await expect(taken(tarArchive(members))).rejects.toMatchObject({ code: "bad_content" });
    expect(readFileSync(join(directory, "precious"), "utf8")).toBe("as it was");
    expect(statSync(join(directory, "precious")).nlink).toBe(1);
    expect(readdirSync(directory).toSorted()).toEqual(["precious", "scratch"]);
    expect(() => lstatSync("/tmp/banger-hostile")).toThrow();
  });

  it.each([
    ["cut in a header", (whole: Buffer) => whole.subarray(0, 700)],
    ["cut in a file", (whole: Buffer) => whole.subarray(0, 1_100)],
    ["without its end", (whole: Buffer) => whole.subarray(0, -1_024)],
    ["no archive at all", () => Buffer.from("sh: tar: not found\n".repeat(100))],
  ])("%s is refused", async (_, cut) => {
    const whole = tarArchive([top, { name: "./a", data: "x".repeat(300) }]);
    await expect(taken(cut(whole))).rejects.toMatchObject({ code: "bad_content" });
  });

  it("keeps no more than so many names of what it leaves out, and counts the rest", async () => {
    const devices = Array.from({ length: 1_234 }, (_, index): Member => ({ name: `./${index}`, type: "3" }));
    await taken(tarArchive([top, ...devices]));
    expect(tally).toMatchObject({ files: 0, skipped_more: 234 });
    expect([tally.skipped.length, tally.skipped.at(-1)]).toEqual([1_000, '"./999" (a device)']);
  });

  it("keeps no bits that set ids, nor what the umask takes, whatever the header says", async () => {
    const archive = tarArchive([top, { name: "./a", data: "x" }]);
    // The mode of the second header, and its checksum.
    archive.write("0006777\0", 512 + 100);
    const header = archive.subarray(512, 1024).fill(" ", 148, 156);
    header.write(
      `${header
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, "0")}\0 `,
      148,
    );
    await taken(archive);
    expect(statSync(inside("a")).mode & 0o7777).toBe(0o755);
  });
});

describe("what tar gives", () => {
  it.each(["gnu", "pax", "ustar"])("in the format %s is unpacked as it is", async (format) => {
    const tree = join(directory, "tree");
    mkdirSync(join(tree, "-d x/closed"), { recursive: true });
    mkdirSync(join(tree, "empty"));
    writeFileSync(join(tree, "-d x/new\nline"), "text", { mode: 0o640 });
    writeFileSync(join(tree, "-d x/closed/in"), "in");
    const long = "n".repeat(format === "ustar" ? 95 : 240);
    writeFileSync(join(tree, long), "long");
    writeFileSync(Buffer.concat([Buffer.from(`${tree}/`), Buffer.from([0x66, 0xff])]), "bytes");
    execFileSync("ln", [join(tree, long), join(tree, "same")]);
    execFileSync("ln", ["-s", "/nowhere/at all", join(tree, "link")]);
    execFileSync("mkfifo", [join(tree, "pipe")]);
    writeFileSync(join(tree, "holes"), "");
    truncateSync(join(tree, "holes"), 3 * 1024 * 1024);
    execFileSync("chmod", ["500", join(tree, "-d x/closed")]);
    await taken(execFileSync("tar", ["-cf", "-", `--format=${format}`, "-C", tree, "."], { maxBuffer: 1 << 26 }));
    const listed = (at: string) =>
      execFileSync("find", [".", "!", "-name", "pipe", "-printf", "%P %y %m %n %l %T@ %s\n"], {
        cwd: at,
        encoding: "latin1",
      })
        .split("\n")
        // A directory's time is that of what was made in it last; formats differ in parts of a second.
        .map((line) => line.replace(/ (\d+)\.\d+ (\d+)$/, / d \d/.test(line) ? "" : " $1 $2"))
        .toSorted();
    expect(listed(inside())).toEqual(listed(tree));
    expect(readFileSync(inside("-d x/new\nline"), "utf8")).toBe("text");
    expect(readlinkSync(inside("link"))).toBe("/nowhere/at all");
    expect(tally.skipped).toEqual(['"./pipe" (a FIFO)']);
    // What is zero takes no space.
    expect(statSync(inside("holes")).blocks).toBe(0);
    execFileSync("chmod", ["-R", "u+w", tree, inside()]);
  });
});

/** Does `work` as one to whom it matters what is closed. */
async function asNobody(work: () => Promise<void>): Promise<void> {
  process.setegid?.(61_000);
  process.seteuid?.(61_000);
  try {
    await work();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
  }
}

describe.skipIf(process.getuid?.() !== 0)("a tree with a closed directory comes to its place", () => {
  it.each([
    ["its top, to nothing", "", 0o555, [], 0o555],
    ["its top, to nothing, and may not be read either", "", 0o100, [], 0o100],
    ["one in it, to nothing", "sub", 0o500, [], 0o500],
    ["one in it, to a tree without it", "sub", 0o555, ["."], 0o555],
    ["one in it, to a tree that has it", "sub", 0o100, [".", "sub"], 0o755],
    ["its top, to a tree that is there", "", 0o555, [".", "sub"], 0o755],
  ])("%s", async (_, closed, mode, there, becomes) => {
    const [tree, place] = [join(directory, "tree"), join(directory, "place")];
    mkdirSync(join(tree, "sub/below"), { recursive: true });
    for (const name of ["file", "sub/file", "sub/below/file"]) writeFileSync(join(tree, name), "new");
    for (const name of there) mkdirSync(join(place, name), { mode: 0o755 });
    if (there.includes("sub")) writeFileSync(join(place, "sub/file"), "old");
    chmodSync(join(tree, closed), mode);
    const archive = execFileSync("tar", ["-cf", "-", "-C", tree, "."]);
    execFileSync("chown", ["-R", "61000:61000", directory]);
    await asNobody(async () => {
      await taken(archive);
      const path = Buffer.from(place);
      await putInPlace(Buffer.from(inside()), { path, beside: Buffer.from(directory), isDirectory: false });
    });
    expect(statSync(join(place, closed)).mode & 0o777).toBe(becomes);
    for (const name of ["file", "sub/file", "sub/below/file"])
      expect(readFileSync(join(place, name), "utf8")).toBe("new");
    if (there.length === 0) expect(existsSync(inside())).toBe(false);
  });
});
