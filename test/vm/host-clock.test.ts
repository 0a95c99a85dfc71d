import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FailingHost, ownEtc, rowMs, unharmed } from "../support/host-fault.ts";
import { noSandbox } from "../support/sandbox.ts";

const noCompiler = spawnSync("cc", ["--version"]).status === 0 ? undefined : "needs a C compiler";
const leftOut = noSandbox ?? noCompiler;
const year = 31_536_000;

// The kernel has one time of day for all: every program of the sandbox sees another by what is preloaded.
describe.skipIf(leftOut)(`a host's clock${leftOut ? ` (${leftOut})` : ""}`, () => {
  let failing: FailingHost;
  const set = (seconds: number) => `echo ${seconds} > /mnt/tmp/shift.new; mv /mnt/tmp/shift.new /mnt/tmp/shift`;
  beforeAll(async () => {
    const prepare = `
      ${ownEtc}; ${set(0)}
      cc -shared -fPIC -DSHIFT_FILE='"/mnt/tmp/shift"' -o /mnt/clock.so /mnt/banger/test/support/shifted-clock.c
      echo /mnt/clock.so > /etc/ld.so.preload`;
    failing = await FailingHost.create({ prepare });
  }, rowMs);
  afterAll(() => failing[Symbol.asyncDispose]());

  const { floor } = Math;
  /** Resolves when the guest's clock is the host's. */
  const guestFollows = async (seconds: number) => {
    for (;;) {
      const { stdout } = await failing.host.person(["vm", "exec", "warm", "--", "date", "+%s"]);
      if (Math.abs(Number(stdout) - seconds - Date.now() / 1_000) < 60) return;
    }
  };

  it.each([
    ["set back by ten years", -10 * year],
    ["set ahead by ten years, and back after that", 10 * year],
    ["set to when time began", 1_000 - floor(Date.now() / 1_000)],
  ])(
    "that is %s hinders nothing, and what happens since is known as such",
    async (_, seconds) => {
      const { host } = failing;
      await failing.suffers({ make: set(seconds), mend: set(0), codes: unharmed });
      await failing.inPlace(set(seconds));
      await guestFollows(seconds);
      await host.ok("vm", "start", "cold");
      // A daemon that starts at that time finds what runs, and a stop has the time that it is given.
      await host.daemon?.end();
      await host.startDaemon();
      await host.ok("vm", "exec", "warm", "--", "true");
      const { started_at } = await host.ok<{ started_at: string }>("vm", "show", "cold");
      const now = Date.now() + seconds * 1_000;
      expect(Math.abs(Date.parse(started_at) - now)).toBeLessThan(600_000);
      await host.ok("vm", "stop", "cold");
      await failing.inPlace(set(0));
      await host.ok("vm", "exec", "warm", "--", "true");
      const { operations } = await host.ok<{ operations: { started_at: string }[] }>("trace", "ls", "--limit", "1");
      expect(Math.abs(Date.parse(operations[0]?.started_at ?? "") - Date.now())).toBeLessThan(600_000);
      await guestFollows(0);
    },
    rowMs,
  );
});
