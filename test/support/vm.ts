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
