import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Vm } from "../../src/rpc/contract/vm.ts";
import { setFault, startFaultyDaemon } from "../support/faults.ts";
import { Installation } from "../support/installation.ts";
import { noSandbox } from "../support/sandbox.ts";
import { expectInvariants } from "../support/trace-tree.ts";

const startSteps = ["bridge", "nat", "initrd", "tap", "vmm", "connect", "boot", "ready", "record"];
const createSteps = ["directory", "root_disk", "host_key", "record"];
const cases = (steps: string[]) => steps.flatMap((step) => [["before", step] as const, ["after", step] as const]);

describe.skipIf(noSandbox)(`a step that fails${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let host: Installation;
  let before: string;

  beforeAll(async () => {
    host = await Installation.create({ guest: true });
    await host.startHelper();
    await startFaultyDaemon(host);
    await host.ok("vm", "create", "--name", "web");
    // Bridge and NAT are shared and stay; the state to come back to has them.
    await host.ok("network", "up");
    before = await host.hostState();
  });
  afterAll(() => host[Symbol.asyncDispose]());

  it.each(cases(startSteps))("of start, %s %s acted: all is undone and said", async (when, step) => {
    await setFault(host, `vm.start ${step} ${when}`);
    const answer = await host.banger(["vm", "start", "web"]);
    expect(answer.error()).toMatchObject({ code: "step_failed", details: { step } });
    expect(answer.error().message).toBe(`vm.start: step ${step} failed: a fault ${when} acting`);
    expect(answer.code).toBe(71);
    const vm = await host.ok<Vm>("vm", "show", "web");
    expect(vm).toMatchObject({ pid: null, started_at: null, error: { op_id: answer.error().op_id } });
    expect(["created", "stopped"]).toContain(vm.state);
    expect(await host.hostState()).toBe(before);
    expectInvariants(await host.spansOf(answer.error().op_id), answer.error().op_id);
  });

  it.each(cases(createSteps))("of create, %s %s acted: there is no VM, and no file of one", async (when, step) => {
    await setFault(host, `vm.create ${step} ${when}`);
    const answer = await host.banger(["vm", "create", "--name", "other"]);
    expect(answer.error()).toMatchObject({ code: "step_failed", details: { step } });
    expect((await host.ok<{ vms: Vm[] }>("vm", "ls")).vms.map((vm) => vm.name)).toEqual(["web"]);
    expect(await host.hostState()).toBe(before);
  });

  it("starts when nothing fails any more", async () => {
    await setFault(host, "none");
    expect(await host.ok("vm", "start", "web")).toMatchObject({ state: "running", error: null });
  });
});
