import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { VmStats } from "../../../src/rpc/contract/stats.ts";
import type { Vm } from "../../../src/rpc/contract/vm.ts";
import type { Installation } from "../../support/installation.ts";
import { mustHaveKvm } from "../../support/must-have-kvm.ts";
import { patience } from "../../support/patience.ts";
import { startOf } from "../../support/start-tree.ts";
import { expectInvariants, shapeOf, treeOf } from "../../support/trace-tree.ts";
import { type Column, hostOf } from "./columns.ts";

const suiteMs = 120_000 * patience;

/** What is done with a VM in its life, whatever it is made of: each step goes on with what the one before left. */
export function vmLifecycle(column: Column): void {
  const { disk, driver, vmm, leftOut } = column;
  const title = `a VM on ${disk}, run by ${vmm}${leftOut ? ` (${leftOut})` : ""}`;
  describe.skipIf(leftOut)(title, { timeout: suiteMs }, () => {
    let host: Installation;
    let before: string;
    let startId: string;
    let accel: "kvm" | "tcg";
    const inGuest = async (line: string) =>
      (await host.ok<{ stdout: string }>("vm", "exec", "web", "--", "sh", "-c", line)).stdout;
    const grownTo = async (mib: number) => {
      for (;;) if (Number.parseInt(await inGuest("df -BM --output=size / | tail -1"), 10) > mib) return;
    };

    beforeAll(async () => {
      host = await hostOf(column);
      await host.ok("network", "up");
      await host.ok("volume", "create", "data", "--size", "64M");
      before = await host.hostState();
    }, suiteMs);
    afterAll(() => host[Symbol.asyncDispose]());

    it("is made, started and answers, and there is nothing to reconcile", async () => {
      await host.ok("vm", "create", "--name", "web", "--disk-kind", disk, "--vmm", driver);
      const vm = await host.ok<Vm>("vm", "start", "web");
      startId = await host.lastOperation();
      expect(vm).toMatchObject({ state: "running", health: "ok", disk_kind: disk, vmm: driver, disk_mib: 20_480 });
      accel = vm.accel ?? "tcg";
      if (driver === "firecracker" || mustHaveKvm) expect(accel).toBe("kvm");
      const jail = `/proc/${vm.pid}/root/firecracker.pid`;
      expect((await host.sandbox.run(["test", "-e", jail], { as: "root" })).code === 0).toBe(column.isJailed);
      expect(await inGuest("hostname; echo kept > /kept; sync")).toBe("web\n");
      expect(await host.ok("system", "reconcile")).toEqual({ items: [] });
    });

    it("has the trace of its start, from the command into the guest's boot, with all that its VMM was asked", async () => {
      const spans = await host.spansOf(startId);
      expectInvariants(spans, startId);
      expect(shapeOf(treeOf(spans))).toEqual(startOf(driver, accel, disk));
    });

    it("is paused and goes on", async () => {
      expect(await host.ok("vm", "pause", "web")).toMatchObject({ state: "running", health: "paused" });
      expect((await host.banger(["vm", "exec", "web", "--", "true"])).error()).toMatchObject({ code: "wrong_state" });
      expect(await host.ok("vm", "pause", "web")).toMatchObject({ unchanged: true });
      expect(await host.ok("vm", "resume", "web")).toMatchObject({ health: "ok" });
      expect(await inGuest("echo goes on")).toBe("goes on\n");
    });

    it("tells what it uses", async () => {
      const stats = async () => (await host.ok<{ vms: VmStats[] }>("vm", "stats", "web")).vms[0];
      const before = await stats();
      expect(before).not.toHaveProperty("unknown");
      const mib = 2 ** 20;
      expect(before?.guest_memory?.total_bytes).toBeGreaterThan(256 * mib);
      await inGuest("dd if=/dev/urandom of=/much bs=1M count=8 conv=fsync 2>&1; rm /much");
      const after = await stats();
      const written = (after?.disk?.written_bytes ?? 0) - (before?.disk?.written_bytes ?? 0);
      expect(written).toBeGreaterThanOrEqual(8 * mib);
      expect(written).toBeLessThan(64 * mib);
      expect(before?.cpu?.used_s).toBeGreaterThan(0);
      expect(after?.cpu?.used_s).toBeGreaterThanOrEqual(before?.cpu?.used_s ?? Infinity);
    });

    it("is grown under its guest, whose VMM may write there too, and never made smaller", async () => {
      expect(await host.ok<Vm>("vm", "set", "web", "--disk", "24G")).toMatchObject({ disk_mib: 24 * 1024 });
      await grownTo(23_000);
      const atItsEnd = "dd if=/dev/urandom of=/dev/vda bs=1M count=1 seek=24575 conv=fsync && echo written";
      expect(await inGuest(atItsEnd)).toBe("written\n");
      expect((await host.banger(["vm", "set", "web", "--disk", "23G"])).error()).toMatchObject({
        code: "bad_params",
        details: { field: "disk_mib", least: 24 * 1024 },
      });
    });

    it("is restarted, with a trace of its stages, and has what was written", async () => {
      const { generation } = await host.ok<Vm>("vm", "show", "web");
      expect(await host.ok("vm", "restart", "web")).toMatchObject({
        state: "running",
        generation: generation + 1,
        stopped_by: "agent",
      });
      const spans = await host.spansOf(await host.lastOperation());
      const steps = spans
        .map(({ name }) => name)
        .filter((name) => /^step (ask_agent|kill|boot|ready|record)$/.test(name));
      expect(steps.toSorted()).toEqual(["step ask_agent", "step boot", "step ready", "step record"]);
      expect(await inGuest("cat /kept")).toBe("kept\n");
    });

    it("is killed, grown and given a volume while it rests, and started with all of it", async () => {
      expect(await host.ok("vm", "kill", "web")).toMatchObject({ state: "stopped", exit: { how: "killed" } });
      await host.ok("vm", "set", "web", "--disk", "28G", "--volume", "data:/srv/my data");
      await host.ok("vm", "start", "web");
      await grownTo(27_000);
      expect(await inGuest("findmnt -no FSTYPE '/srv/my data'; echo kept >'/srv/my data/note'")).toBe("ext4\n");
      expect(await inGuest("cat /kept")).toBe("kept\n");
    });

    it("is stopped and deleted, and nothing of it is left", async () => {
      expect(await host.ok("vm", "stop", "web")).toMatchObject({ state: "stopped", error: null, stopped_by: "agent" });
      await host.ok("vm", "delete", "web");
      expect(await host.ok("system", "reconcile")).toEqual({ items: [] });
      expect(await host.hostState()).toBe(before);
    });
  });
}
