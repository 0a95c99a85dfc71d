import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { VmStats } from "../../../src/rpc/contract/stats.ts";
import { ScriptedHost } from "../../support/scripted-host.ts";
import type { ScriptedVmm } from "../../support/scripted-vmm.ts";

let host: ScriptedHost;
beforeEach(async () => {
  host = await ScriptedHost.start();
  host.helper.onStarted = (vmm) => {
    vmm.agent.version = 4;
  };
  await host.create("web");
  await host.start("web");
});
afterEach(() => host[Symbol.asyncDispose]());

const vmmOf = (name: string): ScriptedVmm => {
  const running = host.helper.vmms.get(host.show(name).id);
  if (running === undefined) throw new Error(`${name} does not run`);
  return running.vmm;
};
const look = (...vm: string[]) =>
  host.ask(({ stats }, request) => stats.stats({ vm, watch: false, interval_s: 1 }, request)).then(({ vms }) => vms);
const one = async (): Promise<VmStats> => {
  const [stats, ...more] = await look("web");
  if (stats === undefined) throw new Error("nothing was told");
  expect(more).toEqual([]);
  return stats;
};
/** Watches until `onTold` says that it is enough. */
const watch = async (vm: string[], onTold: (vms: readonly VmStats[], times: number) => boolean | Promise<boolean>) => {
  const leave = new AbortController();
  let times = 0;
  const watching = host.ask(({ stats }, request) => stats.stats({ vm, watch: true, interval_s: 1 }, request), {
    signal: leave.signal,
    onEvent: async (event, data) => {
      if (event !== "stats") return;
      if (await onTold((data as { vms: VmStats[] }).vms, ++times)) leave.abort(new Error("left"));
    },
  });
  await expect(watching).rejects.toThrow("left");
};

/** Passes while somebody watches another VM, for more than an interval. */
const aSecond = async () => {
  await host.create("other");
  await host.start("other");
  await watch(["other"], (_, times) => times === 2);
  await host.kill("other");
};

describe("what a VM uses", () => {
  it("is put together from its process, its agent and its VMM", async () => {
    Object.assign(vmmOf("web").disk, { rd_bytes: 5_000, wr_bytes: 7_000 });
    const stats = await one();
    // The scripted VMM's process is this one, and the scripted tap is no link.
    expect(stats).toMatchObject({
      name: "web",
      cpus: 1,
      guest_memory: { total_bytes: 512 * 1024 * 1024, available_bytes: 300 * 1024 * 1024 },
      disk: { read_bytes: 5_000, written_bytes: 7_000 },
      network: null,
      unknown: { network: expect.stringMatching(/^its link bt\w+ isn't there$/) as string },
    });
    expect(stats.cpu?.used_s).toBeGreaterThan(0);
    expect(stats.cpu?.percent).not.toBeNull();
    expect(stats.cpu?.interval_ms).toBeGreaterThanOrEqual(500);
    expect(stats.host_memory_bytes).toBeGreaterThan(10_000_000);
  });

  it("is measured since the last look, which need not wait then", async () => {
    await one();
    expect(vmmOf("web").agent.usageAsked).toBe(2);
    await aSecond();
    const { cpu } = await one();
    expect(cpu?.interval_ms).toBeGreaterThanOrEqual(1_000);
    expect(vmmOf("web").agent.usageAsked).toBe(3);
  });

  it.each([
    ["is of an older banger", (vmm: ScriptedVmm) => void (vmm.agent.version = 3), /older banger/],
    ["doesn't answer", (vmm: ScriptedVmm) => void (vmm.agent.manner = "silent"), /did not answer within 1.5 s/],
    ["says nonsense", (vmm: ScriptedVmm) => void (vmm.agent.memory = [1n, 2n]), /doesn't say/],
  ])("is told without the guest's part where its agent %s", async (_, becomes, why) => {
    const vmm = vmmOf("web");
    becomes(vmm);
    // It attaches anew, and says then what it speaks.
    if (vmm.agent.version === 3) {
      vmm.agent.close();
      await host.until("web", ({ health }) => health === "agent_silent");
      await host.until("web", ({ health }) => health === "ok");
    }
    expect(await one()).toMatchObject({
      guest_memory: null,
      disk: { read_bytes: 0 },
      unknown: { guest_memory: expect.stringMatching(why) as string },
    });
  });

  it("is told without its disk where its VMM doesn't answer", async () => {
    vmmOf("web").unanswered.add("query-blockstats");
    expect(await one()).toMatchObject({
      disk: null,
      guest_memory: { total_bytes: 512 * 1024 * 1024 },
      unknown: { disk: "its VMM did not answer within 1.5 s" },
    });
  });

  it("isn't known while its VMM can't be reached", async () => {
    host.helper.qmp = "mute";
    vmmOf("web").hangUp();
    await host.until("web", ({ health }) => health === "unreachable");
    const { unknown, ...stats } = await one();
    expect(stats).toMatchObject({ cpu: null, host_memory_bytes: null, guest_memory: null, disk: null, network: null });
    expect(unknown).toMatchObject({ cpu: expect.stringMatching(/can't be reached/) as string });
  });

  it("is told without its guest's part while it is paused", async () => {
    await host.pause("web");
    expect(await one()).toMatchObject({ guest_memory: null, unknown: { guest_memory: "it is paused" } });
    expect(vmmOf("web").agent.usageAsked).toBe(0);
  });

  it("is told of those that run, by name of those that must", async () => {
    await host.create("db");
    expect((await look()).map(({ name }) => name)).toEqual(["web"]);
    await expect(look("web", "db")).rejects.toMatchObject({ code: "wrong_state" });
    await expect(look("nobody")).rejects.toMatchObject({ code: "not_found" });
    await host.start("db");
    expect((await look()).map(({ name }) => name)).toEqual(["web", "db"]);
    expect((await look("db")).map(({ name }) => name)).toEqual(["db"]);
  });

  it("and nothing, where none runs", async () => {
    await host.kill("web");
    expect(await look()).toEqual([]);
  });

  it("is known again after a daemon's restart", async () => {
    host.endDaemon();
    await host.startDaemon();
    await host.until("web", ({ health }) => health === "ok");
    expect((await one()).cpu?.percent).not.toBeNull();
  });
});

describe("who watches VMs", () => {
  it("is told at once and then each interval, and asks nothing when gone", async () => {
    await watch(["web"], (vms, times) => {
      expect(vms).toMatchObject([{ name: "web", cpu: { percent: expect.any(Number) as number } }]);
      return times === 3;
    });
    expect(vmmOf("web").agent.usageAsked).toBe(4);
    await aSecond();
    expect(vmmOf("web").agent.usageAsked).toBe(4);
  });

  it("shares what is found with all who watch", async () => {
    await Promise.all(Array.from({ length: 8 }, () => watch([], (_, times) => times === 3)));
    expect(vmmOf("web").agent.usageAsked).toBeLessThan(8);
  });

  it("asks nothing of those that nobody looks at", async () => {
    await host.create("db");
    await host.start("db");
    await watch(["db"], (_, times) => times === 2);
    expect(vmmOf("db").agent.usageAsked).toBeGreaterThan(0);
    expect(vmmOf("web").agent.usageAsked).toBe(0);
  });

  it("is told of one that begins to run, and no more of one that ended", async () => {
    await host.create("db");
    const told: string[] = [];
    await watch([], async (vms, times) => {
      told.push(vms.map(({ name }) => name).join(" "));
      if (times === 1) {
        await host.kill("web");
        await host.start("db");
      }
      return times === 3;
    });
    expect(told).toEqual(["web", "db", "db"]);
  });
});

describe("a guest's ports", () => {
  const ports = (vm: string) => host.ask(({ stats }, request) => stats.ports(vm, request));
  const listens = (transport: number, port: number, name: string) =>
    Buffer.from([transport, 4, 0, 0, 0, 0, port, 0, name.length, ...Buffer.from(name)]);

  it("are told in order", async () => {
    vmmOf("web").agent.listening = Buffer.concat([
      Buffer.from([1]),
      listens(17, 53, ""),
      listens(6, 80, "nginx"),
      listens(6, 22, "sshd"),
    ]);
    expect(await ports("web")).toEqual({
      ports: [
        { protocol: "tcp", address: "0.0.0.0", port: 22, process: "sshd" },
        { protocol: "tcp", address: "0.0.0.0", port: 80, process: "nginx" },
        { protocol: "udp", address: "0.0.0.0", port: 53, process: null },
      ],
      more: true,
    });
  });

  it("aren't known of one that doesn't run, or whose agent is older", async () => {
    await host.create("db");
    await expect(ports("db")).rejects.toMatchObject({ code: "wrong_state" });
    host.helper.onStarted = (vmm) => {
      vmm.agent.version = 3;
    };
    await host.start("db");
    await expect(ports("db")).rejects.toMatchObject({ code: "bad_version" });
  });
});
