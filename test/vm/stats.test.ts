import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ResultOf } from "../../src/rpc/contract/method.ts";
import type { statsContract, VmStats } from "../../src/rpc/contract/stats.ts";
import { Installation } from "../support/installation.ts";
import { noSandbox } from "../support/sandbox.ts";

type Ports = ResultOf<(typeof statsContract)["vmPorts"]>;

const mib = 1024 * 1024;

describe.skipIf(noSandbox)(`a guest at work${noSandbox ? ` (${noSandbox})` : ""}`, { timeout: 180_000 }, () => {
  let host: Installation;
  beforeAll(async () => {
    host = await Installation.start({ guest: true });
    await host.ok("vm", "create", "--name", "web");
    await host.ok("vm", "start", "web", "--wait", "ssh");
  }, 180_000);
  afterAll(() => host[Symbol.asyncDispose]());

  const stats = async (): Promise<VmStats> => {
    const { vms } = await host.ok<{ vms: VmStats[] }>("vm", "stats", "web");
    expect(vms).toMatchObject([{ name: "web", cpus: 1 }]);
    return vms[0] as VmStats;
  };
  /** Looks until it is so. */
  const until = async (fits: (now: VmStats) => boolean): Promise<VmStats> => {
    for (;;) {
      const now = await stats();
      if (fits(now)) return now;
    }
  };
  const inGuest = async (script: string) => {
    const { code, stderr } = await host.banger(["vm", "exec", "web", "--", "sh", "-c", script]);
    expect(stderr).toBe("");
    expect(code).toBe(0);
  };

  it("is known from all its sides", async () => {
    const { unknown, guest_memory: guest, ...now } = await stats();
    expect(unknown).toBeUndefined();
    expect(guest?.total_bytes).toBeGreaterThan(400 * mib);
    expect(guest?.total_bytes).toBeLessThan(512 * mib);
    expect(guest?.available_bytes).toBeGreaterThan(100 * mib);
    expect(now.host_memory_bytes).toBeGreaterThan(100 * mib);
    expect(now.cpu?.used_s).toBeGreaterThan(1);
    expect(now.cpu?.mean_percent).toBeGreaterThan(0);
    // It was booted from its disk, and its ssh server was spoken to.
    expect(now.disk?.read_bytes).toBeGreaterThan(mib);
    expect(now.network?.in_bytes).toBeGreaterThan(0);
    expect(now.network?.out_bytes).toBeGreaterThan(0);
  });

  it("is seen to use a CPU, and to leave it", async () => {
    await until(({ cpu }) => (cpu?.percent ?? 100) < 20);
    await inGuest("setsid -f sh -c 'while [ ! -e /run/enough ]; do :; done' >/dev/null 2>&1 </dev/null");
    const busy = await until(({ cpu }) => (cpu?.percent ?? 0) > 30);
    expect(busy.cpu?.percent).toBeLessThan(300);
    await inGuest("touch /run/enough");
    const idle = await until(({ cpu }) => (cpu?.percent ?? 100) < 20);
    expect(idle.cpu?.used_s).toBeGreaterThan(busy.cpu?.used_s ?? Number.NaN);
  });

  it("is seen to write and to fill its memory", async () => {
    const before = await stats();
    await inGuest("head -c 8M /dev/urandom > /root/written; sync; head -c 64M /dev/zero > /dev/shm/held");
    const after = await stats();
    expect((after.disk?.written_bytes ?? 0) - (before.disk?.written_bytes ?? 0)).toBeGreaterThanOrEqual(8 * mib);
    const used = (now: VmStats) => (now.guest_memory?.total_bytes ?? 0) - (now.guest_memory?.available_bytes ?? 0);
    expect(used(after) - used(before)).toBeGreaterThan(48 * mib);
    expect(after.host_memory_bytes).toBeGreaterThan(before.host_memory_bytes ?? 0);
  });

  it("is asked what listens in it", async () => {
    const listen = "socket(S,2,1,0);bind(S,pack(q(Sna4x8),2,7777,chr(127).chr(0).chr(0).chr(1)));listen(S,1);sleep";
    await inGuest(`setsid -f perl -e '${listen}' >/dev/null 2>&1 </dev/null`);
    const own = { protocol: "tcp", address: "127.0.0.1", port: 7777, process: "perl" };
    for (;;) {
      const { ports, more } = await host.ok<Ports>("vm", "ports", "web");
      expect(more).toBe(false);
      expect(ports).toContainEqual({ protocol: "tcp", address: "0.0.0.0", port: 22, process: "sshd" });
      if (ports.some(({ port }) => port === 7777)) return expect(ports).toContainEqual(own);
    }
  });

  it("is counted anew after a restart", async () => {
    const before = await stats();
    await host.ok("vm", "restart", "web");
    const { cpu, unknown } = await stats();
    expect(unknown).toBeUndefined();
    expect(cpu?.used_s).toBeLessThan(before.cpu?.used_s ?? 0);
    expect(cpu?.percent).not.toBeNull();
  });
});
