import { describe, expect, it } from "vitest";
import type { Sample } from "../../../src/daemon/stats/sample.ts";
import { statsOf } from "../../../src/daemon/stats/stats-of.ts";
import type { StoredVm } from "../../../src/daemon/vm/vm-records.ts";
import { vmCalled } from "../../support/vm.ts";

const vm = vmCalled("web") as StoredVm;
const sample = (atMs: number, cpuS: number, rest: Partial<Sample> = {}): Sample => ({
  at: new Date("2026-11-28T08:00:00.000Z"),
  atMs,
  process: { is: { cpuS, ageS: 40, residentBytes: 4096 } },
  guestMemory: { is: { totalBytes: 100, availableBytes: 60 } },
  disk: { is: { readBytes: 1, writtenBytes: 2 } },
  link: { is: { received: 3, sent: 4 } },
  ...rest,
});

describe("what a VM uses", () => {
  it("is told as its guest sees it", () => {
    expect(statsOf(vm, sample(2_000, 4), sample(1_000, 3.75))).toEqual({
      id: vm.id,
      name: "web",
      at: "2026-11-28T08:00:00.000Z",
      cpus: 1,
      cpu: { percent: 25, interval_ms: 1_000, mean_percent: 10, used_s: 4 },
      host_memory_bytes: 4096,
      guest_memory: { total_bytes: 100, available_bytes: 60 },
      disk: { read_bytes: 1, written_bytes: 2 },
      network: { in_bytes: 4, out_bytes: 3 },
    });
  });

  const gone = { process: { why: "gone" } } as const;
  it.each([
    ["four CPUs at work", sample(3_000, 11), sample(1_000, 3), 400],
    ["one that rests", sample(2_000, 3), sample(1_000, 3), 0],
    ["one that was looked at once", sample(2_000, 3), undefined, null],
    ["the same look twice", sample(1_000, 3), sample(1_000, 3), null],
    ["a counter that went back", sample(2_000, 1), sample(1_000, 3), null],
    ["one that wasn't seen before", sample(2_000, 1), sample(1_000, 3, gone), null],
  ])("percent of a CPU: %s", (_, now, before, percent) => {
    const { cpu } = statsOf(vm, now, before);
    expect(cpu?.percent).toBe(percent);
    expect(cpu?.interval_ms === null).toBe(percent === null);
  });

  it.each([0, -1, Number.NaN])("of a process that is %d s old has no mean", (ageS) => {
    const now = sample(2_000, 1, { process: { is: { cpuS: 1, ageS, residentBytes: 1 } } });
    expect(statsOf(vm, now, undefined).cpu?.mean_percent).toBe(0);
  });

  it("isn't told where it isn't known, with the reason", () => {
    const why = { why: "no" };
    const now = sample(2_000, 3, { ...gone, guestMemory: why, disk: why, link: why });
    expect(statsOf(vm, now, sample(1_000, 3))).toMatchObject({
      cpu: null,
      host_memory_bytes: null,
      guest_memory: null,
      disk: null,
      network: null,
      unknown: { cpu: "gone", host_memory_bytes: "gone", guest_memory: "no", disk: "no", network: "no" },
    });
  });
});
