import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { ConsoleLog } from "../../../src/daemon/vmm/console-log.ts";

let directory: string;
let path: string;
let log: ConsoleLog;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "banger-console-"));
  path = join(directory, "console.log");
  log = new ConsoleLog(path);
});
afterEach(() => rmSync(directory, { recursive: true }));

/** Reads to the end; `onText` sees what came so far. */
async function read(
  reading: Partial<Parameters<ConsoleLog["read"]>[0]>,
  onText: (text: string) => void = () => undefined,
): Promise<string> {
  let text = "";
  for await (const chunk of log.read({ follow: false, signal: new AbortController().signal, ...reading })) {
    text += chunk.toString();
    onText(text);
  }
  return text;
}

it.each<[string, Record<string, string>, string]>([
  ["nothing", {}, ""],
  ["one file", { "console.log": "new\n" }, "new\n"],
  ["what was moved aside, then what came", { "console.log.1": "old\n", "console.log": "new\n" }, "old\nnew\n"],
  ["what was just moved aside", { "console.log.1": "old\n" }, "old\n"],
])("reads %s", async (_, files, expected) => {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  expect(await read({})).toBe(expected);
});

it("is followed without a gap between what was there and what comes, over a file that is moved aside", async () => {
  writeFileSync(path, "before\n");
  const ended = Promise.withResolvers<void>();
  const text = await read({ follow: true, ended: ended.promise }, (soFar) => {
    if (soFar === "before\n") appendFileSync(path, "after\n");
    if (soFar === "before\nafter\n") {
      renameSync(path, `${path}.1`);
      writeFileSync(path, "anew\n");
    }
    if (soFar.endsWith("anew\n")) {
      appendFileSync(path, "the end\n");
      ended.resolve();
    }
  });
  expect(text).toBe("before\nafter\nanew\nthe end\n");
});

it("is followed from before its file is there", async () => {
  const ended = Promise.withResolvers<void>();
  const reading = read({ follow: true, ended: ended.promise }, () => ended.resolve());
  setImmediate(() => writeFileSync(path, "first\n"));
  expect(await reading).toBe("first\n");
});

it("ends for a follower who leaves", async () => {
  const abort = new AbortController();
  const reading = read({ follow: true, signal: abort.signal });
  abort.abort();
  expect(await reading).toBe("");
});

it("tells the last lines, and none of a log that isn't there", () => {
  expect(log.tail(2)).toBe("");
  writeFileSync(path, "one\ntwo\nthree\n");
  expect(log.tail(2)).toBe("two\nthree");
});

it.each<[number, string, string]>([
  [2, "one\ntwo\nthree\n", "two\nthree\n"],
  [1, "one\ntwo\nprompt", "prompt"],
  [2, "one\ntwo\nprompt", "two\nprompt"],
  [0, "one\ntwo\n", ""],
  [0, "prompt", ""],
  [9, "one\ntwo\n", "one\ntwo\n"],
  [3, "\n\n\n", "\n\n\n"],
  [2, "\n\n\n", "\n\n"],
  [1, "\n", "\n"],
  [5, "", ""],
  [10_000, "x".repeat(300_000), "x".repeat(256 * 1024)],
])("begins %i lines before the end", async (lastLines, written, expected) => {
  writeFileSync(`${path}.1`, "long ago\n");
  writeFileSync(path, written);
  expect(await read({ lastLines })).toBe(expected);
});

it("goes on where it ends now when it was cut meanwhile", async () => {
  writeFileSync(path, "before\n");
  const ended = Promise.withResolvers<void>();
  const text = await read({ follow: true, ended: ended.promise }, (soFar) => {
    if (soFar === "before\n") {
      truncateSync(path, 3);
      appendFileSync(path, "re again\n");
      ended.resolve();
    }
  });
  expect(text).toMatch(/^before\n/);
  expect(text.length).toBeLessThanOrEqual("before\nbefore again\n".length);
});

it.each<[string, () => void]>([
  ["a link", () => symlinkSync("/etc/passwd", path)],
  ["a link to itself", () => symlinkSync(path, path)],
  ["a directory", () => mkdirSync(path)],
  ["a FIFO", () => execFileSync("mkfifo", [path])],
])("%s in its place is no log, and nobody waits for it", async (_, put) => {
  put();
  writeFileSync(`${path}.1`, "old\n");
  expect(log.tail(5)).toBe("");
  expect(await read({})).toBe("old\n");
});

it("reads a file with holes as what it is, and its last lines are few", () => {
  writeFileSync(path, "a\n");
  truncateSync(path, 3 * 1024 * 1024);
  appendFileSync(path, "\nend");
  expect(log.tail(1)).toBe("end");
  expect(log.tail(50).length).toBeLessThanOrEqual(16 * 1024);
});
