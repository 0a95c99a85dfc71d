import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LogFiles } from "../../../src/cli/logs/log-files.ts";
import { RotatedLog } from "../../../src/telemetry/rotated-log.ts";

const fileBytes = 1_000;
/** The log looks for room so often. */
const lookEveryMs = 210;
let directory: string;
let path: string;
let room: boolean;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "banger-log-"));
  path = join(directory, "logs", "banger.log");
  room = true;
});
afterEach(() => rmSync(directory, { recursive: true }));

const open = () => new RotatedLog({ path, fileBytes, hasRoom: () => room });
const line = (n: number) => `${JSON.stringify({ time: "t", message: String(n).padStart(50) })}\n`;
const numbers = (lines: Iterable<string>) =>
  [...lines].filter(Boolean).map((one) => Number((JSON.parse(one) as { message: string }).message));
const upTo = (count: number, from = 0) => Array.from({ length: count - from }, (_, n) => n + from);

describe("a log in files", () => {
  it("is bounded in size and number, the owner's alone, and read in order", () => {
    const log = open();
    for (const n of upTo(500)) log.write(line(n));
    log.close();
    expect(readdirSync(join(directory, "logs")).toSorted()).toEqual([
      "banger.log",
      "banger.log.1",
      "banger.log.2",
      "banger.log.3",
    ]);
    for (const name of readdirSync(join(directory, "logs"))) {
      const { size, mode } = statSync(join(directory, "logs", name));
      expect(size).toBeLessThan(fileBytes + 100);
      expect(mode & 0o777).toBe(0o600);
    }
    using files = new LogFiles(path);
    const seen = numbers(files.read());
    expect(seen).toEqual(upTo(500, seen[0]));
    expect(seen.length).toBeGreaterThan(30);
  });

  it("is followed over its rotation, without a gap", () => {
    const log = open();
    log.write(line(0));
    using files = new LogFiles(path);
    const seen = numbers(files.read());
    for (const n of upTo(100, 1)) {
      log.write(line(n));
      if (n % 7 === 0) seen.push(...numbers(files.read()));
    }
    seen.push(...numbers(files.read()));
    expect(seen).toEqual(upTo(100));
    log.close();
  });

  it.each([1, 2, 3])("is followed without a gap where %d rotations fall between two looks", (rotations) => {
    const log = open();
    log.write(line(0));
    using files = new LogFiles(path);
    const seen = numbers(files.read());
    const newest = () => statSync(path, { throwIfNoEntry: false })?.ino;
    let n = 1;
    for (let left = rotations; left > 0; n++) {
      const before = newest();
      log.write(line(n));
      if (newest() !== before) left--;
    }
    expect([...seen, ...numbers(files.read())]).toEqual(upTo(n));
    expect([...files.read()]).toEqual([]);
    log.write(line(n));
    expect(numbers(files.read())).toEqual([n]);
    log.close();
  });

  it("that is full when there is room again keeps the older files, and tells the gap once", async () => {
    const log = open();
    const newest = () => statSync(path).size;
    let n = 0;
    while (!existsSync(`${path}.3`) || newest() < fileBytes) log.write(line(n++));
    const before = [1, 2].map((at) => readFileSync(`${path}.${at}`, "utf8"));
    const full = readFileSync(path, "utf8");
    await setTimeout(lookEveryMs);
    room = false;
    log.write(line(n));
    await setTimeout(lookEveryMs);
    room = true;
    log.write(line(n));
    log.close();
    expect([1, 2, 3].map((at) => readFileSync(`${path}.${at}`, "utf8"))).toEqual([full, ...before]);
    expect(readFileSync(path, "utf8").match(/records were dropped/g)).toHaveLength(1);
    // The line that followed found its place behind it.
    expect(readFileSync(path, "utf8").split("\n")).toHaveLength(3);
  });

  it("is gone on with at its oldest file where the one that was read is gone", () => {
    const log = open();
    log.write(line(0));
    using files = new LogFiles(path);
    expect(numbers(files.read())).toEqual([0]);
    for (const n of upTo(200, 1)) log.write(line(n));
    const seen = numbers(files.read());
    // What that file still had, then all that there is.
    const gap = seen.findIndex((n, at) => n !== at + 1);
    expect(gap).toBeGreaterThan(0);
    expect(seen.slice(gap)).toEqual(upTo(200, seen[gap]));
    expect(seen.length).toBeGreaterThan(40);
    log.close();
  });

  it("goes on behind what another daemon left, a part of a line too", () => {
    const before = open();
    before.write(line(0));
    before.close();
    writeFileSync(path, '{"time":"t","mess', { flag: "a" });
    const after = open();
    after.write(line(1));
    after.close();
    expect(readFileSync(path, "utf8").split("\n").filter(Boolean)).toEqual([
      line(0).trim(),
      '{"time":"t","mess',
      line(1).trim(),
    ]);
  });

  it("writes nothing where there is no room, and says how much is missing when there is", async () => {
    const log = open();
    log.write(line(0));
    room = false;
    await expect
      .poll(() => {
        log.write(line(1));
        return log.untold;
      })
      .toBeGreaterThan(0);
    const { dropped, untold } = log;
    expect(untold).toBe(dropped);
    room = true;
    await expect
      .poll(() => {
        log.write(line(2));
        return log.untold;
      })
      .toBe(0);
    log.close();
    const records = readFileSync(path, "utf8")
      .trim()
      .split("\n")
      .map((one) => JSON.parse(one) as { dropped?: number });
    const told = records.find((record) => record.dropped !== undefined)?.dropped ?? 0;
    expect(told).toBeGreaterThanOrEqual(dropped);
    // What was said stays counted.
    expect(log.dropped).toBe(told);
    expect(records.filter((record) => record.dropped !== undefined)).toHaveLength(1);
  });

  it("says at its end what is missing", async () => {
    const log = open();
    room = false;
    log.write(line(0));
    expect(log).toMatchObject({ dropped: 1, untold: 1 });
    room = true;
    await expect
      .poll(() => {
        log.close();
        return log.untold;
      })
      .toBe(0);
    expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({ dropped: 1 });
  });

  it("is none where there is no such file, and then what comes", () => {
    using files = new LogFiles(path);
    expect([...files.read()]).toEqual([]);
    const log = open();
    log.write(line(0));
    expect(numbers(files.read())).toEqual([0]);
    log.close();
  });
});
