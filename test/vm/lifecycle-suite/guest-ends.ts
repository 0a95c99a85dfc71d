import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Vm } from "../../../src/rpc/contract/vm.ts";
import type { Installation } from "../../support/installation.ts";
import { patience } from "../../support/patience.ts";
import { type Column, hostOf } from "./columns.ts";

/** How a guest ends its own runs, which is its VMM's business whatever its disk is. */
export function guestEnds(column: Column): void {
  const { driver, disk, vmm, leftOut } = column;
  describe.skipIf(leftOut)(`a guest under ${vmm} that${leftOut ? ` (${leftOut})` : ""}`, () => {
    let host: Installation;
    const show = () => host.ok<Vm>("vm", "show", "web");
    const inGuest = (line: string) => host.banger(["vm", "exec", "web", "--", "sh", "-c", line]);
    const logged = (message: string, since = 0) => host.daemon?.logged((record) => record.message === message, since);
    const lines = () => host.daemon?.log.length ?? 0;

    beforeAll(async () => {
      host = await hostOf(column);
      await host.ok("vm", "create", "--name", "web", "--vmm", driver, "--disk-kind", disk);
      expect(await host.ok("vm", "start", "web", "--wait", "booted")).toMatchObject({ vmm: driver });
    }, 120_000 * patience);
    afterAll(() => host[Symbol.asyncDispose]());

    it("has booted is reached by ssh", async () => {
      expect(await host.ok("vm", "wait", "web", "--for", "booted")).toMatchObject({ state: "running" });
      expect(await host.ok("vm", "wait", "web", "--for", "ssh")).toMatchObject({ state: "running" });
    });

    it("is paused has the right time when it goes on", async () => {
      expect(await host.ok("vm", "pause", "web")).toMatchObject({ state: "running", health: "paused" });
      await host.sandbox.root("sleep 2");
      expect(await host.ok("vm", "resume", "web")).toMatchObject({ health: "ok" });
      const { stdout } = (await inGuest("date +%s.%N")).json<{ stdout: string }>();
      expect(Math.abs(Number(stdout) - Date.now() / 1000)).toBeLessThan(1.5);
    });

    it.each([
      ["reboots in order", "reboot"],
      ["reboots at once", "reboot -f"],
      ["is reset by its kernel", "echo b > /proc/sysrq-trigger"],
    ])("%s is started again", async (_, command) => {
      const before = await show();
      const since = lines();
      await inGuest(command);
      await logged("the guest rebooted: it is started again", since);
      const vm = await host.ok<Vm>("vm", "wait", "web", "--timeout", `${60 * patience}s`);
      expect(vm).toMatchObject({ state: "running", generation: before.generation + 1, error: null });
    });

    it("reboots while the daemon is away is started again when it is back", async () => {
      const before = await show();
      // It goes on by itself when whoever asked has left.
      await inGuest("(sleep 1; reboot -f) >/dev/null 2>&1 &");
      await host.daemon?.end("KILL");
      await host.sandbox.root(`while kill -0 ${before.pid} 2>/dev/null; do sleep 0.1; done`);
      await host.startDaemon();
      expect(await host.ok("vm", "wait", "web", "--timeout", `${60 * patience}s`)).toMatchObject({
        state: "running",
        generation: before.generation + 1,
      });
    });

    it("panics is failed within a second, with the console's last lines", async () => {
      const since = lines();
      await inGuest("echo c > /proc/sysrq-trigger");
      await logged("the VMM ended", since);
      const vm = await show();
      expect(vm).toMatchObject({
        state: "failed",
        exit: { how: "panic" },
        error: { message: expect.stringContaining("panicked: sysrq triggered crash") as string },
      });
      expect(vm.error?.console).toContain("sysrq_handle_crash");
      expect((await host.banger(["vm", "wait", "web", "--for", "stopped"])).error()).toMatchObject({
        code: "guest_died",
      });
    });
  });
}
