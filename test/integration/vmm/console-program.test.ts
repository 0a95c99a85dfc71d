import { type ChildProcess, spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";

const limit = 16_384;
let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "banger-console-"));
  path = join(directory, "console.log");
});
afterEach(() => rmSync(directory, { recursive: true }));

function logger(): { child: ChildProcess; ended: Promise<number | null> } {
  const child = spawn("dist/console-log", [path, String(limit)], { stdio: ["pipe", "ignore", "ignore"] });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  return { child, ended };
}

async function write(bytes: string): Promise<void> {
  const { child, ended } = logger();
  child.stdin?.end(bytes);
  expect(await ended).toBe(0);
}

const lines = (count: number) => Array.from({ length: count }, (_, n) => `line ${n}\n`).join("");

it("keeps what fits as it was printed, for its owner alone", async () => {
  await write("a\n\0\u001b[2Jb");
  expect(readFileSync(path, "utf8")).toBe("a\n\0\u001b[2Jb");
  expect(statSync(path).mode & 0o777).toBe(0o600);
  await write("c");
  expect(readFileSync(path, "utf8"), "another one goes on").toBe("a\n\0\u001b[2Jbc");
});

it("begins anew at its limit and loses nothing, as long as two files hold it", async () => {
  const text = lines(2_500);
  await write(text);
  expect(statSync(`${path}.1`).size).toBe(limit);
  expect(readFileSync(`${path}.1`, "utf8") + readFileSync(path, "utf8")).toBe(text);
});

it("stays below twice its limit however much is printed, says what was cut and keeps the end", async () => {
  const text = lines(200_000);
  await write(text);
  const [older, newest] = [readFileSync(`${path}.1`, "utf8"), readFileSync(path, "utf8")];
  expect(Math.max(older.length, newest.length)).toBeLessThanOrEqual(limit);
  const mark = /^\[banger: 16384 bytes of the console were cut here\]\n/;
  expect(newest).toMatch(mark);
  expect(older).toMatch(mark);
  const kept = older.replace(mark, "") + newest.replace(mark, "");
  expect(kept.length).toBeGreaterThan(limit);
  expect(text.endsWith(kept)).toBe(true);
});

it("writes at once, not when much has come", async () => {
  const { child, ended } = logger();
  child.stdin?.write("login: ");
  // What is awaited is another process's writing to a file: there is nothing else to wait for.
  while (!existsSync(path) || statSync(path).size === 0) await new Promise((resolve) => setImmediate(resolve));
  expect(readFileSync(path, "utf8")).toBe("login: ");
  child.stdin?.end();
  expect(await ended).toBe(0);
});

it("follows no link that is put in its place", async () => {
  const precious = join(directory, "precious");
  writeFileSync(precious, "mine");
  symlinkSync(precious, path);
  await write("guest's words\n");
  expect(readFileSync(precious, "utf8")).toBe("mine");
});

it.each<[string, () => void, string]>([
  ["was removed", () => rmSync(path), "two\n"],
  ["was cut", () => truncateSync(path), "two\n"],
  ["was replaced", () => writeFileSync(`${path}.new`, "new\n") ?? renameSync(`${path}.new`, path), "new\ntwo\n"],
  ["was moved away and its place taken by a directory", () => renameSync(path, `${path}.x`) ?? mkdirSync(path), ""],
])("goes on when its file %s", async (_, change, expected) => {
  const { child, ended } = logger();
  child.stdin?.write("one\n");
  while (!existsSync(path) || statSync(path).size === 0) await new Promise((resolve) => setImmediate(resolve));
  change();
  child.stdin?.end("two\n");
  expect(await ended).toBe(0);
  expect(statSync(path).isFile() ? readFileSync(path, "utf8") : "").toBe(expected);
});

it("takes what comes byte by byte, and begins anew where the file to be set aside was removed", async () => {
  const { child, ended } = logger();
  for (let n = 0; n < 3 * limit; n += 64) {
    child.stdin?.write("x".repeat(64));
    if (n === limit / 2) rmSync(path, { force: true });
  }
  child.stdin?.end("end");
  expect(await ended).toBe(0);
  expect(readFileSync(path, "utf8")).toMatch(/x*end$/);
  expect(statSync(path).size).toBeLessThanOrEqual(limit);
});

it.each([[[]], [["x"]], [["x", "0"]], [["x", "100"]], [["x".repeat(5_000), "100000"]]])("refuses %j", async (argv) => {
  const child = spawn("dist/console-log", argv, { stdio: "ignore" });
  expect(await new Promise((resolve) => child.once("close", resolve))).toBe(64);
});
