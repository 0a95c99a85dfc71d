import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Vm } from "../../src/rpc/contract/vm.ts";
import { Installation } from "../support/installation.ts";
import { tinyRootFs } from "../support/rootfs.ts";
import { noSandbox } from "../support/sandbox.ts";
import { importTinyContent } from "../support/tiny-content.ts";

const many = 50;

describe.skipIf(noSandbox)(
  `${many} VMs made at once${noSandbox ? ` (${noSandbox})` : ""}`,
  { timeout: 120_000 },
  () => {
    let directory: string;
    let tar: string;
    let host: Installation;
    beforeAll(() => {
      directory = mkdtempSync(join(tmpdir(), "banger-at-once-"));
      tar = tinyRootFs(directory);
      for (const path of [directory, tar]) execFileSync("chmod", ["a+rX", path]);
    });
    afterAll(() => rmSync(directory, { recursive: true }));
    beforeEach(async () => {
      host = await Installation.start({ stateMib: 200 });
      await importTinyContent(host, tar);
    });
    afterEach(() => host[Symbol.asyncDispose]());

    /** Each by a process of its own; their exit codes. */
    const createAll = async () => {
      const script = `
      for n in $(seq ${many}); do (banger vm create --name vm-$n --json >/dev/null 2>&1; echo $?) & done; wait`;
      const env = { BANGER_CONFIG: host.config };
      const { stdout } = await host.sandbox.run(["bash", "--norc", "-c", script], { env });
      return stdout.trim().split("\n");
    };
    const listed = async () => (await host.ok<{ vms: Vm[] }>("vm", "ls")).vms;
    const disksOf = (vms: readonly Vm[]) =>
      host.sandbox.root(`ls -d ${vms.map(({ id }) => host.layout.vm(id).rootDisk.qcow2).join(" ")} | wc -l`);

    it("have names, addresses, MACs and disks of their own, and nothing else is left", async () => {
      const before = await host.hostState();
      expect(new Set(await createAll())).toEqual(new Set(["0"]));
      const vms = await listed();
      expect(vms).toHaveLength(many);
      for (const field of ["id", "name", "address", "mac"] as const)
        expect([field, new Set(vms.map((vm) => vm[field])).size]).toEqual([field, many]);
      expect(vms.every(({ state }) => state === "created")).toBe(true);
      expect((await disksOf(vms)).trim()).toBe(String(many));
      expect(await host.ok("system", "reconcile")).toEqual({ items: [] });
      await host.ok("vm", "prune", "--force");
      expect(await host.hostState()).toBe(before);
    });

    it("of which the daemon's end cuts some off are whole, or gone with all of their files", async () => {
      const creating = createAll();
      await host.daemon?.logged(({ step, phase }) => step === "created" && phase === "completed");
      await host.daemon?.end("KILL");
      expect(new Set(await creating).size).toBeGreaterThan(0);
      await host.startDaemon();
      const vms = await listed();
      expect(vms.length).toBeGreaterThan(0);
      expect(vms.every(({ state }) => state === "created")).toBe(true);
      expect((await disksOf(vms)).trim()).toBe(String(vms.length));
      expect((await host.sandbox.root(`ls ${host.file.stateDir}/vms | wc -l`)).trim()).toBe(String(vms.length));
      expect(await host.ok("system", "reconcile")).toEqual({ items: [] });
      // Every name is free, or its VM is there.
      const codes = new Set(await createAll());
      expect([...codes].filter((code) => !["0", "73"].includes(code))).toEqual([]);
      expect(await listed()).toHaveLength(many);
    });
  },
);
