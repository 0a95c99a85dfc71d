import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { OperationStatus, OperationSummary } from "../../src/rpc/contract/operation.ts";
import type { Vm } from "../../src/rpc/contract/vm.ts";
import { setFault, startFaultyDaemon } from "../support/faults.ts";
import { Installation } from "../support/installation.ts";
import { noSandbox } from "../support/sandbox.ts";

/** What is killed at the end of which step of what, and how its VM is found; starts are in recovery.test.ts. */
interface Row {
  readonly dies: "daemon" | "helper" | "VMM";
  readonly at: string;
  readonly argv: readonly string[];
  readonly begins: "absent" | "created" | "running";
  readonly ends: Vm["state"] | "absent";
  /** What the row of the operation says: of one that was cut off what was found, else how it ended. */
  readonly says: string;
}

const stop = ["vm", "stop", "web", "--timeout-s", "30"];
const rows: readonly Row[] = [
  {
    dies: "daemon",
    at: "vm.create root_disk",
    argv: ["vm", "create", "--name", "web"],
    begins: "absent",
    ends: "absent",
    says: "undone",
  },
  { dies: "daemon", at: "vm.stop ask_agent", argv: stop, begins: "running", ends: "stopped", says: "finished" },
  {
    dies: "daemon",
    at: "vm.stop release_vmm",
    argv: ["vm", "restart", "web"],
    begins: "running",
    ends: "stopped",
    says: "undone",
  },
  {
    dies: "daemon",
    at: "vm.delete release_vmm",
    argv: ["vm", "delete", "web", "--force"],
    begins: "running",
    ends: "stopped",
    says: "undone",
  },
  {
    dies: "daemon",
    at: "vm.delete forget",
    argv: ["vm", "delete", "web"],
    begins: "created",
    ends: "absent",
    says: "finished",
  },
  {
    dies: "daemon",
    at: "vm.set limits",
    argv: ["vm", "set", "web", "--disk", "24G"],
    begins: "running",
    ends: "running",
    says: "undone",
  },
  { dies: "helper", at: "vm.stop ask_agent", argv: stop, begins: "running", ends: "stopped", says: "failed" },
  {
    dies: "helper",
    at: "vm.set limits",
    argv: ["vm", "set", "web", "--disk", "24G"],
    begins: "running",
    ends: "running",
    says: "ok",
  },
  {
    dies: "VMM",
    at: "vm.set limits",
    argv: ["vm", "set", "web", "--disk", "24G"],
    begins: "running",
    ends: "failed",
    says: "failed",
  },
  { dies: "VMM", at: "vm.pause pause", argv: ["vm", "pause", "web"], begins: "running", ends: "failed", says: "ok" },
];

describe.skipIf(noSandbox)(
  `what dies while an operation is under way${noSandbox ? ` (${noSandbox})` : ""}`,
  { timeout: 120_000 },
  () => {
    let host: Installation;
    let before: string;
    beforeAll(async () => {
      host = await Installation.create({ guest: true });
      await host.startHelper();
      await startFaultyDaemon(host);
      await host.ok("network", "up");
      // What is half removed is moved there first, and the directory stays.
      await host.sandbox.root(`install -d -m 700 -o owner -g owner ${host.layout.scratch}`);
      before = await host.hostState();
    });
    afterAll(() => host[Symbol.asyncDispose]());
    beforeEach(() => setFault(host, "none"));
    // One that fails leaves the others what they begin with.
    afterEach(() => host.banger(["vm", "delete", "web", "--force"]));

    const stateOf = async () => {
      const { vms } = await host.ok<{ vms: Vm[] }>("vm", "ls");
      return vms.find(({ name }) => name === "web")?.state ?? "absent";
    };
    const until = async (wanted: Row["ends"]) => {
      for (;;) if ((await stateOf()) === wanted) return;
    };
    const comeBack: Readonly<Record<Row["dies"], () => Promise<unknown>>> = {
      daemon: () => startFaultyDaemon(host),
      helper: async () => {
        const since = host.daemon?.log.length ?? 0;
        await host.startHelper();
        await host.daemon?.logged(({ message }) => message === "reconcile completed", since);
      },
      VMM: async () => undefined,
    };

    it.each(rows)("the $dies, $at ($begins): $ends", async ({ dies, at, argv, begins, ends, says }) => {
      if (begins !== "absent") await host.ok("vm", "create", "--name", "web");
      const pid = begins === "running" ? (await host.ok<Vm>("vm", "start", "web")).pid : undefined;
      const since = host.daemon?.log.length ?? 0;
      await setFault(host, `${at} hold`);
      const asked = host.banger(argv);
      await host.daemon?.logged(({ message }) => message === "held", since);
      if (dies === "VMM") await host.sandbox.root(`kill -KILL ${pid}; while kill -0 ${pid} 2>/dev/null; do :; done`);
      else await host[dies]?.end("KILL");
      await setFault(host, "none");
      await asked;
      await comeBack[dies]();
      await until(ends);
      expect(await host.ok("system", "reconcile", "--dry-run")).toEqual({ items: [] });
      const { operations } = await host.ok<{ operations: OperationSummary[] }>("operation", "ls");
      const method = `${argv[0]}.${argv[1]}`;
      const opId = operations.find((operation) => operation.method === method)?.op_id ?? "";
      const row = await host.ok<OperationStatus>("operation", "show", opId);
      expect(row.found ?? row.state).toBe(says);
      if (ends === "running") expect((await host.banger(["vm", "exec", "web", "--", "true"])).code).toBe(0);
      if (ends !== "absent") await host.ok("vm", "delete", "web", "--force");
      expect(await host.hostState()).toBe(before);
    });
  },
);
