import type { VmStats } from "../../src/rpc/contract/stats.ts";
import type { Vm } from "../../src/rpc/contract/vm.ts";

/** A VM that runs, as a daemon shows it. */
export function vmCalled(name: string): Vm {
  return {
    id: "0123456789abcdef",
    name,
    state: "running",
    image: { id: "a".repeat(64), name: "bookworm" },
    kernel: { id: "b".repeat(64), name: "6.1" },
    cpus: 1,
    memory_mib: 512,
    disk_mib: 20_480,
    address: "10.77.0.2",
    mac: "02:00:00:00:00:02",
    vmm: "qemu",
    accel: "tcg",
    accel_why: null,
    health: "ok",
    pid: 1,
    generation: 1,
    created_at: "2026-11-25T08:00:00.000Z",
    started_at: "2026-11-25T08:00:00.000Z",
    last_used_at: "2026-11-25T08:00:00.000Z",
    exit: null,
    error: null,
  };
}

/** What a VM uses, as a daemon shows it that doesn't know its guest's part. */
export function statsOf(name: string, percent: number | null): VmStats {
  return {
    id: "0123456789abcdef",
    name,
    at: "2026-11-25T08:00:00.000Z",
    cpus: 1,
    cpu: { percent, interval_ms: percent === null ? null : 2_000, mean_percent: 3, used_s: 1.5 },
    host_memory_bytes: 200 * 1024 * 1024,
    guest_memory: null,
    disk: { read_bytes: 1024, written_bytes: 0 },
    network: { in_bytes: 10, out_bytes: 20 },
    unknown: { guest_memory: "its agent is \u001b[2Jold" },
  };
}
