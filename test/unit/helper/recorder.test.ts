import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { readRecord } from "../../../src/helper/vmm/recorder.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "banger-record-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

it.each([
  ["running 4711", { state: "running", pid: 4711 }],
  ["ended 0", { state: "ended", status: 0, signal: null }],
  ["ended 1", { state: "ended", status: 1, signal: null }],
  ["ended 127", { state: "ended", status: 127, signal: null }],
  ["ended 137", { state: "ended", status: null, signal: 9 }],
  ["ended 192", { state: "ended", status: null, signal: 64 }],
  ["ended 255", { state: "ended", status: 255, signal: null }],
  ["starting", { state: "starting" }],
  ["", { state: "starting" }],
  ["\0\0\0\0", { state: "starting" }],
])("%j is read as what it says", (text, record) => {
  const path = join(directory, "record");
  writeFileSync(path, `${text.padEnd(31)}\n`);
  expect(readRecord(path)).toMatchObject(record);
});

it("no record says nothing", () => {
  expect(readRecord(join(directory, "none"))).toBeUndefined();
});
