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
  ["running 4711 4710", { state: "running", pid: 4711, recorder: 4710 }],
  ["ended 0", { state: "ended", status: 0, signal: null }],
  ["ended 1", { state: "ended", status: 1, signal: null }],
  ["ended 127", { state: "ended", status: 127, signal: null }],
  ["ended 137", { state: "ended", status: null, signal: 9 }],
  ["ended 137 4710", { signal: 9, recorder: 4710, outOfMemory: false }],
  ["ended 137 4194304 oom", { signal: 9, recorder: 4194304, outOfMemory: true }],
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

it.each([
  ["ended 148", { status: 148, signal: null }],
  ["ended 157", { status: 157, signal: null }],
  ["ended 147", { status: null, signal: 19 }],
  ["ended 137", { status: null, signal: 9 }],
])("%j of a VMM with statuses of its own from 148 to 157 is read as what it says", (text, record) => {
  const path = join(directory, "record");
  writeFileSync(path, `${text.padEnd(31)}\n`);
  expect(readRecord(path, [148, 157])).toMatchObject(record);
});

it("no record says nothing", () => {
  expect(readRecord(join(directory, "none"))).toBeUndefined();
});
