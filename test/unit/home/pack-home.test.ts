import { execFileSync, spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LeftOut } from "../../../src/daemon/home/left-out.ts";
import { mostBytes, mostDepth, mostFiles, packHome } from "../../../src/daemon/home/pack-home.ts";

let root: string;
let home: string;
let out: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "banger-home-"));
  [home, out] = [join(root, "home"), join(root, "out")];
  for (const path of [home, out, join(root, "outside")]) mkdirSync(path);
  writeFileSync(join(root, "outside/file"), "SECRET");
});
afterEach(() => rmSync(root, { recursive: true }));

const at = (path: string) => join(home, path);
const file = (path: string, text = path, mode = 0o644) => {
  mkdirSync(join(at(path), ".."), { recursive: true });
  writeFileSync(at(path), text);
  chmodSync(at(path), mode);
};
const asRoot = it.skipIf(process.getuid?.() !== 0);

/** Packs entries, unpacks them by another's tar, and says what is there: type, mode, path below `out` and where a link leads. */
async function packed(
  paths: readonly string[],
  given: { home?: string; isOurs?: (place: string) => boolean; files?: number; keys?: string } = {},
) {
  const left = paths.map(() => new LeftOut());
  const { isOurs } = given;
  const entries = paths.map((path) => ({ path, to: path, ...(isOurs === undefined ? {} : { isOurs }) }));
  const room = { bytes: mostBytes, files: given.files ?? mostFiles };
  const archive = await buffer(packHome({ home: given.home ?? home, keys: given.keys, entries, left, room }));
  rmSync(out, { recursive: true });
  mkdirSync(out);
  execFileSync("tar", ["-xpf", "-", "-C", out], { input: archive });
  const listing = execFileSync("find", [".", "-mindepth", "1", "-printf", "%y%m %P%l\n"], {
    cwd: out,
    encoding: "latin1",
  });
  const there = listing
    .split("\n")
    .filter((line) => line !== "")
    .toSorted();
  return { there, left: left.map((one) => one.text()), archive, room };
}
const content = (path: string) => readFileSync(join(out, path), "utf8");

describe("what goes out of a home", () => {
  it("is files and trees with their modes, whatever the umask is, and links that stay in their tree", async () => {
    file(".gitconfig", "git", 0o640);
    file("keys/secret", "key", 0o600);
    file("keys/run", "run", 0o4755);
    file("keys/deep/er/x", "x", 0o444);
    chmodSync(at("keys"), 0o700);
    symlinkSync("../run", at("keys/deep/link"));
    symlinkSync("nowhere", at("keys/dangling"));
    symlinkSync(".", at("keys/self"));
    const umask = process.umask(0o077);
    const { there, left } = await packed([".gitconfig", "keys"]).finally(() => process.umask(umask));
    expect(left).toEqual(["", ""]);
    expect(there).toEqual([
      "d700 1",
      "d755 1/deep",
      "d755 1/deep/er",
      "f444 1/deep/er/x",
      "f600 1/secret",
      "f640 0",
      "f755 1/run",
      "l777 1/danglingnowhere",
      "l777 1/deep/link../run",
      "l777 1/self.",
    ]);
    expect([content("0"), content("1/secret")]).toEqual(["git", "key"]);
  });

  it("is never banger's own keys, however they are named", async () => {
    file(".local/share/mine");
    file(".local/state/banger/5eed0001/id_ed25519", "PRIVATE", 0o600);
    const keys = at(".local/state/banger");
    const asked = [".local", ".local/state/banger", ".local/state/banger/5eed0001/id_ed25519"];
    const { there, left } = await packed(asked, { keys });
    expect(there).toEqual(["d755 0", "d755 0/share", "d755 0/state", "f644 0/share/mine"]);
    expect(left).toEqual(asked.map(() => "1 banger's own keys, which open every guest"));
  });

  it("has the names that it has", async () => {
    const names = [
      Buffer.from("new\nline"),
      Buffer.from([0xff, 0xfe]),
      Buffer.from("-rf"),
      Buffer.from("ü"),
      Buffer.from("n".repeat(255)),
    ];
    mkdirSync(at("odd"));
    for (const name of names) writeFileSync(Buffer.concat([Buffer.from(`${home}/odd/`), name]), name);
    expect((await packed(["odd"])).left).toEqual([""]);
    const found = readdirSync(join(out, "0"), { encoding: "buffer" });
    expect(found.map((name) => name.toString("hex")).toSorted()).toEqual(
      names.map((name) => name.toString("hex")).toSorted(),
    );
  });

  it.each<[string, string, () => unknown, string]>([
    ["what isn't there", "gone", () => undefined, "it isn't there"],
    ["what lies below a file", "a/b", () => file("a"), "it lies below what is no directory of the owner's"],
    [
      "a link",
      "a",
      () => symlinkSync(join(root, "outside/file"), at("a")),
      "it is a symbolic link, or lies behind one",
    ],
    [
      "a link within the home",
      "a",
      () => (file("b"), symlinkSync("b", at("a"))),
      "it is a symbolic link, or lies behind one",
    ],
    [
      "what lies behind a link",
      "a/file",
      () => symlinkSync("../outside", at("a")),
      "it is a symbolic link, or lies behind one",
    ],
    ["a FIFO", "a", () => execFileSync("mkfifo", [at("a")]), "1 socket(s), FIFO(s) or device(s)"],
  ])("is nothing of %s", async (_, path, make, why) => {
    make();
    file("good");
    const { there, left } = await packed([path, "good"]);
    expect(there).toEqual(["f644 1"]);
    expect(left).toEqual([why, ""]);
  });

  it("is nothing of links that lead out of their tree, FIFOs and sockets in it; all else is", async () => {
    file("t/in/file");
    symlinkSync("/etc/shadow", at("t/absolute"));
    symlinkSync("../../outside/file", at("t/in/up"));
    symlinkSync("x/../../../y", at("t/in/around"));
    execFileSync("mkfifo", [at("t/fifo")]);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(at("t/socket"), resolve));
    const { there, left } = await packed(["t"]).finally(() => server.close());
    expect(there).toEqual(["d755 0", "d755 0/in", "f644 0/in/file"]);
    expect(left).toEqual(["3 symbolic link(s) that lead out of it, 2 socket(s), FIFO(s) or device(s)"]);
  });

  asRoot("is nothing of another's: files, directories on the way; a home may be", async () => {
    for (const path of ["t/mine", "t/theirs", "theirs/file"]) file(path);
    for (const path of ["t/theirs", "theirs"]) chownSync(at(path), 61_234, 61_234);
    const { there, left } = await packed(["t", "theirs/file", "theirs"]);
    expect(there).toEqual(["d755 0", "f644 0/mine"]);
    expect(left).toEqual([
      "1 of another user's",
      "it lies below what is no directory of the owner's",
      "1 of another user's",
    ]);
    chownSync(home, 61_234, 61_234);
    expect((await packed(["t/mine"])).left).toEqual([""]);
    expect((await packed(["t"], { home: join(root, "no") })).left).toEqual([
      "the owner's home isn't there, or can't be entered",
    ]);
  });

  it("is nothing of what is banger's own there", async () => {
    file(".ssh/authorized_keys");
    file(".ssh/config");
    const { there, left } = await packed([".ssh"], { isOurs: (place) => place === ".ssh/authorized_keys" });
    expect(there).toEqual(["d755 0", "f644 0/config"]);
    expect(left).toEqual(["1 authorized_keys, by which banger itself comes in"]);
  });

  it("is limited: bytes, files, depth", async () => {
    file("large");
    truncateSync(at("large"), mostBytes + 1);
    file("small");
    file(`${"d/".repeat(mostDepth + 1)}x`);
    expect(await packed(["large", "small", "d"])).toMatchObject({
      left: ["1 beyond the limit of bytes or files", "", "1 too deep"],
    });
    for (let number = 0; number < 60; number++) file(`many/${number}`);
    const { there, left, room } = await packed(["many", "small"], { files: 50 });
    expect(left).toEqual(["1 beyond the limit of bytes or files", "1 beyond the limit of bytes or files"]);
    expect(room.files).toBe(0);
    expect(there.filter((line) => line.startsWith("f644 0/"))).toHaveLength(49);
  });

  it("is what a name was when it was opened: who exchanges names all the time leads nowhere", async () => {
    file("t/d/file", "good");
    linkSync(at("t/d/file"), at("t/kept"));
    const script = `
      const { renameSync, symlinkSync, rmSync } = require("node:fs");
      symlinkSync(${JSON.stringify(join(root, "outside"))}, "link");
      console.log("began");
      for (;;) { renameSync("d", "real"); renameSync("link", "d"); renameSync("d", "link"); renameSync("real", "d"); }`;
    const attacker = spawn(process.execPath, ["-e", script], { cwd: at("t"), stdio: ["ignore", "pipe", "inherit"] });
    try {
      await new Promise((resolve) => attacker.stdout.once("data", resolve));
      let [astray, whole] = [0, 0];
      // Until reading by names was led astray often enough, and packing had the directory often enough.
      while (astray < 20 || whole < 20) {
        if (tryRead(at("t/d/file")) === "SECRET") astray++;
        const left = [new LeftOut(), new LeftOut()];
        const entries = ["t", "t/d/file"].map((path) => ({ path, to: path }));
        const archive = await buffer(packHome({ home, entries, left, room: { bytes: mostBytes, files: mostFiles } }));
        expect(archive.includes("SECRET")).toBe(false);
        if (archive.includes("0/d/file")) whole++;
      }
    } finally {
      attacker.kill("SIGKILL");
    }
  });

  it("is what was read, of a file that changes meanwhile", async () => {
    file("log", "x".repeat(100_000));
    const script = `
      const { writeFileSync } = require("node:fs");
      console.log("began");
      for (let n = 0; ; n = (n * 7 + 13) % 200_000) writeFileSync("log", "x".repeat(n));`;
    const writer = spawn(process.execPath, ["-e", script], { cwd: home, stdio: ["ignore", "pipe", "inherit"] });
    try {
      await new Promise((resolve) => writer.stdout.once("data", resolve));
      for (let turn = 0; turn < 50; turn++) expect((await packed(["log"])).there).toEqual(["f644 0"]);
    } finally {
      writer.kill("SIGKILL");
    }
  });

  it("leaves no descriptor open, also where nobody takes it to its end", async () => {
    file("t/a/b/c", "x".repeat(3_000_000));
    renameSync(at("t"), at("u"));
    const before = readdirSync("/proc/self/fd").length;
    for (let turn = 0; turn < 20; turn++) {
      const archive = packHome({
        home,
        entries: [{ path: "u", to: "u" }],
        left: [],
        room: { bytes: mostBytes, files: mostFiles },
      });
      for (let piece = 0; piece < turn % 5; piece++) await archive.next();
      await archive.return(undefined);
    }
    expect(readdirSync("/proc/self/fd").length).toBeLessThanOrEqual(before);
  });
});

function tryRead(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
