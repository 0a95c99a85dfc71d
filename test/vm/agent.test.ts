import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AgentLink, type AgentState } from "../../src/daemon/guest/agent-link.ts";
import { Clock } from "../../src/telemetry/clock.ts";
import { openGuest } from "../support/agent.ts";
import { Installation } from "../support/installation.ts";
import { noSandbox } from "../support/sandbox.ts";

describe.skipIf(noSandbox)(`the agent in a guest${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let host: Installation;
  beforeEach(async () => {
    host = await Installation.start({ guest: true });
    await host.ok("vm", "create", "--name", "web", "--memory-mib", "192");
    await host.ok("vm", "start", "web");
  });
  afterEach(() => host[Symbol.asyncDispose]());

  const exec = async (...argv: string[]) => {
    const answer = await host.banger(["vm", "exec", "web", "--", ...argv]);
    return answer.json<{ exit_code: number | null; signal: number | null; out_of_memory?: boolean; stdout: string }>();
  };

  it("outlives ten commands in a row that take all of its memory, beside a systemd that comes up whole", async () => {
    for (let n = 0; n < 10; n++) {
      const [hungry, modest] = await Promise.all([exec("tail", "/dev/zero"), exec("echo", String(n))]);
      expect(hungry).toMatchObject({ exit_code: null, signal: 9 });
      expect(modest).toMatchObject({ exit_code: 0, stdout: `${n}\n` });
    }
    // It waits a minute and a half for a device before it says "running", which "degraded" would come before.
    const systemd = async () => (await exec("systemctl", "is-system-running")).stdout;
    await expect.poll(systemd, { timeout: 60_000, interval: 500 }).toMatch(/^(starting|running)\n$/);
    expect((await exec("systemctl", "--failed", "--no-legend")).stdout).toBe("");
    // From then on the kernel counts memory by cgroup, and a command hears why it was killed.
    expect(await exec("tail", "/dev/zero")).toMatchObject({ signal: 9, out_of_memory: true });
  }, 300_000);

  it("gives each command a cgroup of its own, which goes when nothing runs in it", async () => {
    await expect.poll(async () => (await exec("cat", "/proc/self/cgroup")).stdout).toBe("0::/banger/exec-1\n");
    const groups = async () => (await exec("sh", "-c", "ls -d /sys/fs/cgroup/banger/exec-*")).stdout.trim().split("\n");
    // systemd mounts the cgroups that it, and who looks, sees.
    await expect.poll(groups, { timeout: 30_000 }).toEqual(["/sys/fs/cgroup/banger/exec-1"]);
    await exec("sh", "-c", "sleep 1000 </dev/null >/dev/null 2>&1 &");
    await expect.poll(groups, { timeout: 30_000 }).toHaveLength(2);
    expect((await exec("pkill", "-x", "sleep")).exit_code).toBe(0);
    await expect.poll(groups, { timeout: 30_000 }).toHaveLength(1);
  });

  it("has the host's time at its first command, and when systemd has come up", async () => {
    const clock = new Clock();
    /** By how much the guest's clock is surely off, in milliseconds. */
    const off = async () => {
      const before = clock.nowNs();
      const guest = BigInt((await exec("date", "+%s%N")).stdout);
      const after = clock.nowNs();
      return Number(guest < before ? before - guest : guest > after ? guest - after : 0n) / 1e6;
    };
    expect(await off()).toBeLessThan(20);
    const systemd = async () => (await exec("systemctl", "is-system-running")).stdout;
    await expect.poll(systemd, { timeout: 60_000, interval: 500 }).toMatch(/^(starting|running)\n$/);
    await expect
      .poll(async () => (await exec("systemctl", "is-active", "sysinit.target")).stdout, {
        timeout: 60_000,
        interval: 500,
      })
      .toBe("active\n");
    expect(await off()).toBeLessThan(20);
  });

  it("is started again when it was killed, and attached to at once", async () => {
    const { id } = await host.ok<{ id: string }>("vm", "show", "web");
    await host.daemon?.end();
    const clock = new Clock();
    const path = host.sandbox.path(host.layout.sockets(id).agent);
    const link = new AgentLink({ openAgent: (signal) => openGuest(path, signal), now: () => clock.nowNs() });
    const states: AgentState[] = [];
    link.onState((state) => states.push(state));
    link.start();
    try {
      const never = new AbortController().signal;
      await link.ready(never, 30_000);
      const nothing = { onStdout: () => undefined, onStderr: () => undefined };
      const run = (...argv: string[]) => link.exec({ argv, ...nothing });
      for (const user of ["root", "nobody", "12345"]) {
        const beside = expect(link.exec({ argv: ["sleep", "1000"], user, ...nothing })).rejects.toMatchObject({
          code: "guest_died",
        });
        const killed = expect(run("sh", "-c", "kill -9 $PPID")).rejects.toMatchObject({
          message: expect.stringContaining("started again") as string,
        });
        await Promise.all([beside, killed]);
        const since = performance.now();
        expect(await run("true")).toEqual({ exitCode: 0, signal: null });
        expect(performance.now() - since).toBeLessThan(5_000);
      }
      // What the dead agents ran ended with them; the guest's init takes its time to bury them.
      await expect.poll(() => run("pgrep", "-x", "sleep"), { timeout: 10_000 }).toEqual({ exitCode: 1, signal: null });
      expect(states).toEqual(["answers", ...Array.from({ length: 3 }, () => ["attaching", "answers"]).flat()]);
    } finally {
      link.close();
    }
  });
});
