import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Vm } from "../../../src/rpc/contract/vm.ts";
import { BangerError } from "../../../src/rpc/contract/errors.ts";
import { CliHost, endOf } from "../../support/scripted-daemon.ts";
import { vmCalled } from "../../support/vm.ts";

let host: CliHost;
let atOnce = 0;
let most = 0;
const begun: string[] = [];
beforeEach(async () => {
  host = new CliHost();
  [atOnce, most] = [0, 0];
  begun.splice(0);
  await host.serve({
    vmStop: async ({ vm: name, timeout_s: timeout }, { signal, emit }) => {
      begun.push(name);
      if (name === "nope") throw new BangerError("not_found", 'vm: there is no vm "nope"');
      if (name === "held") throw new BangerError("busy", "vm held: start is under way");
      most = Math.max(most, ++atOnce);
      await emit("step", { step: "shutdown", phase: "started", elapsed_ms: 0 });
      if (timeout === 3600) await once(signal, "abort");
      signal.throwIfAborted();
      // The first of many meet.
      while (name.startsWith("vm-") && begun.length < 4) await new Promise(setImmediate);
      await emit("step", { step: "shutdown", phase: "completed", elapsed_ms: 1 });
      atOnce--;
      return { ...vmCalled(name), state: "stopped", ...(name === "off" ? { unchanged: true } : {}) };
    },
    traceSubmit: async ({ spans }) => ({ accepted: spans.length }),
  });
});
afterEach(() => host[Symbol.asyncDispose]());

const stopped = () => host.outcomes.filter(({ method }) => method === "vm.stop");

describe("several VMs in one command", () => {
  it("are an operation each, tell whose a step is, and their results are an array", async () => {
    const { code, stdout, stderr } = await host.run(["vm", "stop", "--json", "a", "off", "b"]);
    expect(code).toBe(0);
    const vms = JSON.parse(stdout) as (Vm & { unchanged?: boolean })[];
    expect(vms.map(({ name, unchanged }) => [name, unchanged])).toEqual([
      ["a", undefined],
      ["off", true],
      ["b", undefined],
    ]);
    expect(stderr).toMatch(/^a: {4}✓ shutdown/m);
    expect(new Set(stopped().map(({ opId }) => opId)).size).toBe(3);
    // Each is handed over under its own op_id, with a root of its own.
    expect(host.outcomes.filter(({ method }) => method === "trace.submit")).toHaveLength(3);
  });

  it("are tried all; what fails is a line each, and the exit code is the highest", async () => {
    const { code, stdout, stderr } = await host.run(["vm", "stop", "-q", "nope", "a", "held", "b"]);
    expect(code).toBe(75);
    expect(begun.toSorted()).toEqual(["a", "b", "held", "nope"]);
    expect(stderr).toMatch(/^banger: nope: vm\.stop: .* \(op-[0-9a-f]{32}\) \[not_found\]$/m);
    expect(stderr).toMatch(/^banger: held: vm\.stop: .* \(op-[0-9a-f]{32}\) \[busy\]$/m);
    expect(stderr.trimEnd().split("\n")).toHaveLength(4);
    expect(stdout).toBe("");
  });

  it("that fail are JSON, a line each, on standard error", async () => {
    const { code, stdout, stderr } = await host.run(["vm", "stop", "--json", "-q", "nope", "a"]);
    expect(code).toBe(66);
    expect(JSON.parse(stderr)).toMatchObject({
      error: { code: "not_found", message: expect.stringMatching(/^nope: /) as string },
    });
    expect(JSON.parse(stdout)).toMatchObject([{ name: "a" }]);
  });

  it("are four at once", async () => {
    const names = Array.from({ length: 12 }, (_, n) => `vm-${n}`);
    expect((await host.run(["stop", "-q", ...names])).code).toBe(0);
    expect(begun.toSorted()).toEqual(names.toSorted());
    expect(most).toBe(4);
  });

  it("are all cancelled by one Ctrl-C, also those that were not begun", async () => {
    const names = Array.from({ length: 6 }, (_, n) => `vm-${n}`);
    const child = host.spawn(["vm", "stop", "--timeout", "1h", ...names]);
    const ended = endOf(child);
    while (begun.length < 4) await new Promise(setImmediate);
    child.kill("SIGINT");
    const { code, stderr } = await ended;
    expect(code).toBe(130);
    expect(begun).toHaveLength(4);
    expect(stderr.match(/^banger: vm-\d: .*\[cancelled\]$/gm)).toHaveLength(6);
  });

  it("one alone is as ever: an object, its error with its next step", async () => {
    expect(JSON.parse((await host.run(["vm", "stop", "--json", "a"])).stdout)).toMatchObject({ name: "a" });
    expect((await host.run(["vm", "stop", "off"])).stderr).toMatch(/off does not run: it is stopped already\n$/);
    expect((await host.run(["vm", "stop", "nope"])).stderr).toMatch(/^banger: vm\.stop: .*\n.* \[not_found\]\n$/);
  });
});
