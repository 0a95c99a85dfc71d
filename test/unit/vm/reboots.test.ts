import { describe, expect, it } from "vitest";
import { causeInConsole } from "../../../src/daemon/vm/lifecycle/how-it-ended.ts";
import { mostShortRuns, RebootLimit } from "../../../src/daemon/vm/reboot-limit.ts";

const id = "0123456789abcdef";

describe("a guest that reboots", () => {
  it("soon after each start is given up after some", () => {
    const limit = new RebootLimit();
    const allowed = Array.from({ length: mostShortRuns }, (_, n) => limit.allows({ id, generation: n + 1 }, 1_000));
    expect(allowed).toEqual([...Array<boolean>(mostShortRuns - 1).fill(true), false]);
  });

  it.each([
    ["ran for long in between", (n: number) => ({ generation: n, ranMs: n % 3 === 0 ? 600_000 : 1_000 })],
    ["was started by somebody in between", (n: number) => ({ generation: n + Math.floor(n / 3), ranMs: 1_000 })],
  ])("and %s is started again each time", (_, nth) => {
    const limit = new RebootLimit();
    for (let n = 1; n < 20; n++) {
      const { generation, ranMs } = nth(n);
      expect(limit.allows({ id, generation }, ranMs)).toBe(true);
    }
  });
});

it.each([
  ["", undefined],
  ["Debian GNU/Linux 12 web ttyS0\nlogin: ", undefined],
  ["[    9.7] reboot: Restarting system", "reset"],
  ["[   12.1] sysrq: Resetting", "reset"],
  ["[    9.7] reboot: Power down\n", "shutdown"],
  ["[    9.7] reboot: System halted", "shutdown"],
  ["[   36.0] Kernel panic - not syncing: Attempted to kill init!\n[   36.1] CPU: 0", "panic"],
  // A machine that can only be reset says whether it was to be powered off.
  ["[    9.7] reboot: Restarting system with command 'power off'\n", "shutdown"],
  ["[    9.7] reboot: Power off not available: System halted instead\n", "shutdown"],
  // What an earlier boot printed counts less than what came last.
  ["[   36.0] Kernel panic - not syncing: x\n[    1.0] hello\n[    9.7] reboot: Restarting system\n", "reset"],
])("a console that ends with %j tells why", (text, cause) => {
  expect(causeInConsole(text)).toBe(cause);
});
