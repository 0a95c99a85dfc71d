import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Vm } from "../../src/rpc/contract/vm.ts";
import { startCollector } from "../support/collector.ts";
import { Installation } from "../support/installation.ts";
import { noSandbox } from "../support/sandbox.ts";

/** More of them by hand: BANGER_ROUNDS=200. */
const rounds = Number(process.env["BANGER_ROUNDS"] ?? 20);
const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318" };
const collectors = ["away", "mute", "refusing"] as const;
const victims = ["daemon", "helper", "both"] as const;
const signals = ["TERM", "KILL"] as const;

/** Eighteen rounds are every combination once. */
const table = Array.from({ length: rounds }, (_, round) => ({
  round,
  collector: collectors[round % 3] ?? "away",
  victim: victims[Math.floor(round / 3) % 3] ?? "both",
  signal: signals[Math.floor(round / 9) % 2] ?? "KILL",
}));

describe.skipIf(noSandbox)(`VMs that run, one of them with a silent agent${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let host: Installation;
  let pids: (number | null)[];

  const running = async () => {
    const { vms } = await host.ok<{ vms: Vm[] }>("vm", "ls");
    return vms.toSorted((a, b) => a.name.localeCompare(b.name));
  };

  beforeAll(async () => {
    host = await Installation.start({ guest: true });
    for (const name of ["quiet", "web"]) {
      await host.ok("vm", "create", "--name", name);
      await host.ok("vm", "start", name);
    }
    // The agent is the command's parent, or its parent's; stopped, it answers nothing more.
    host.spawnBanger(["vm", "exec", "quiet", "--", "sh", "-c", "kill -STOP $PPID"]);
    for (let quiet = (await running())[0]; quiet?.health !== "agent_silent"; quiet = (await running())[0]) {
      // The daemon says so once it has waited in vain for an answer.
    }
    pids = (await running()).map(({ pid }) => pid);
  });
  afterAll(() => host[Symbol.asyncDispose]());

  it.each(table)("run on, round $round: SIG$signal of $victim with a collector that is $collector", async (row) => {
    await using _ = await startCollector(host.sandbox, row.collector);
    if (row.victim !== "helper") {
      // A daemon with spans on their way to that collector.
      await host.daemon?.end();
      await host.startDaemon(endpoint);
      await host.ok("network", "up");
      await host.daemon?.end(row.signal);
    }
    if (row.victim !== "daemon") await host.helper?.end(row.signal);
    if (row.victim !== "daemon") await host.startHelper();
    const since = row.victim === "helper" ? (host.daemon?.log.length ?? 0) : 0;
    if (row.victim !== "helper") await host.startDaemon(endpoint);
    else await host.daemon?.logged(({ message }) => message === "reconcile completed", since);
    const now = await running();
    expect(now.map(({ state, pid }) => ({ state, pid }))).toEqual(pids.map((pid) => ({ state: "running", pid })));
    await host.sandbox.root(`kill -0 ${pids.join(" ")}`);
    expect((await host.banger(["vm", "exec", "web", "--", "true"])).code).toBe(0);
    expect(now[0]).toMatchObject({ name: "quiet", health: "agent_silent" });
  });
});
