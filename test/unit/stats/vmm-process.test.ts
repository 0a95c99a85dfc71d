import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { HostProcesses, parseProcessStat } from "../../../src/daemon/stats/vmm-process.ts";

/** As proc(5) has it: utime 250, stime 50, starttime `start`, rss 1000 pages. */
const stat = (name: string, start: number | string = 4200, pid = 77) =>
  `${pid} (${name}) S 1 77 77 0 -1 4194560 900 0 3 0 250 50 7 8 20 0 4 0 ${start} 99999 1000 18446744073709551615 1 1 0 0 0 0 0 4096 81920 0 0 0 17 1 0 0 0 0 0\n`;
const expected = { pid: 77, startTicks: 4200, cpuTicks: 300, residentPages: 1000 };

describe("/proc/PID/stat", () => {
  it.each(["qemu-system-x86", "a name with blanks", "(in) parentheses", ") S 1 77 77 0 -1", "", "two\nlines"])(
    "is read past the name %j",
    (name) => {
      expect(parseProcessStat(stat(name))).toEqual(expected);
    },
  );

  it.each([
    ["nothing", ""],
    ["no name", "77 qemu S 1 77"],
    ["one that is cut", stat("qemu").slice(0, 40)],
    ["no number in front", stat("qemu").replace("77 (", "x (")],
    ["a start that is none", stat("qemu", "x")],
    ["a start that is empty", stat("qemu", "")],
  ])("of %s is none", (_, text) => {
    expect(parseProcessStat(text)).toBeUndefined();
  });

  it("is read of this process", () => {
    const { user, system } = process.cpuUsage();
    const read = parseProcessStat(readFileSync("/proc/self/stat", "latin1"));
    expect(read?.pid).toBe(process.pid);
    expect(Math.abs((read?.cpuTicks ?? 0) - (user + system) / 10_000)).toBeLessThan(50);
  });
});

describe("a process", () => {
  let proc: string;
  beforeEach(() => {
    proc = mkdtempSync(join(tmpdir(), "banger-proc-"));
    mkdirSync(join(proc, "77"));
    writeFileSync(join(proc, "uptime"), "52.50 100.00\n");
    writeFileSync(join(proc, "77", "stat"), stat("qemu"));
  });
  afterEach(() => rmSync(proc, { recursive: true }));

  it("is told what it took, and since when", () => {
    const processes = new HostProcesses(proc);
    const id = processes.identify(77);
    expect(id).toEqual({ pid: 77, startTicks: 4200 });
    expect(processes.useOf({ pid: 77, startTicks: 4200 })).toEqual({
      cpuS: 3,
      ageS: 10.5,
      residentBytes: 4_096_000,
    });
  });

  it.each([
    ["whose number another has", () => writeFileSync(join(proc, "77", "stat"), stat("qemu", 4201))],
    ["that has ended", () => rmSync(join(proc, "77"), { recursive: true })],
  ])("%s is not found", (_, becomes) => {
    becomes();
    expect(new HostProcesses(proc).useOf({ pid: 77, startTicks: 4200 })).toBeUndefined();
  });
});
