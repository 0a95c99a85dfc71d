import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { ConsoleLog } from "../../../src/daemon/vmm/console-log.ts";

let directory: string;
let path: string;
let over: AbortController;
let log: ConsoleLog;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "banger-console-"));
  path = join(directory, "console.log");
  over = new AbortController();
  log = new ConsoleLog(path, over.signal);
});
afterEach(() => rmSync(directory, { recursive: true }));

it("is followed without a gap between what was there and what comes, also where the file begins anew", async () => {
  writeFileSync(`${path}.1`, "oldest\n");
  writeFileSync(path, "before\n");
  let read = "";
  for await (const chunk of log.read({ follow: true, signal: new AbortController().signal })) {
    read += chunk.toString();
    if (read.endsWith("before\n")) {
      appendFileSync(path, "last of the old one\n");
      renameSync(path, `${path}.1`);
      writeFileSync(path, "after\n");
    }
    if (read.endsWith("after\n")) over.abort();
  }
  expect(read).toBe("oldest\nbefore\nlast of the old one\nafter\n");
});

it("ends for a follower who leaves", async () => {
  const abort = new AbortController();
  const reading = (async () => {
    for await (const _ of log.read({ follow: true, signal: abort.signal })) expect.unreachable("nothing was written");
  })();
  abort.abort();
  await expect(reading).resolves.toBeUndefined();
});

it("has no last lines while nothing was printed", () => {
  expect(log.tail(5)).toBe("");
  writeFileSync(path, "a\nb\nc\n");
  expect(log.tail(2)).toBe("b\nc");
});
