import { describe, expect, it } from "vitest";
import { Clock } from "../../../src/telemetry/clock.ts";

const base = 1_764_000_000_000;

/** A clock on scripted ones: the true time moves by `stepMs` at each reading, and the counted clock is off by `offMs`. */
function scripted({ offMs, stepMs = 0.007 }: { offMs: number; stepMs?: number }) {
  const at = { trueMs: base + 0.4, setMs: 0, tornMs: 0 };
  const tick = () => (at.trueMs += stepMs);
  const clock = new Clock({
    wall: () => {
      tick();
      // Preempted between the two readings.
      at.trueMs += at.tornMs;
      return Math.floor(at.trueMs + at.setMs);
    },
    counted: () => {
      tick();
      return at.trueMs + offMs;
    },
  });
  const errorMs = () => Number(clock.nowNs() - BigInt(Math.round((at.trueMs + at.setMs) * 1e6))) / 1e6;
  return { at, clock, errorMs };
}

describe("the clock of spans", () => {
  it.each([0, 0.3, -0.3, 2.7, -40])(
    "is the wall clock to some microseconds, when it was counted from %d ms off",
    (offMs) => {
      const { errorMs } = scripted({ offMs });
      expect(Math.abs(errorMs())).toBeLessThan(1.01);
      for (let reading = 0; reading < 400; reading++) errorMs();
      expect(Math.abs(errorMs())).toBeLessThan(0.03);
    },
  );

  it("isn't led astray where the readings of the two clocks are torn apart", () => {
    const { at, errorMs } = scripted({ offMs: 0.5 });
    for (let reading = 0; reading < 400; reading++) errorMs();
    at.tornMs = 12;
    errorMs();
    at.tornMs = 0;
    expect(Math.abs(errorMs())).toBeLessThan(0.03);
  });

  it("never goes back while it learns", () => {
    const { clock } = scripted({ offMs: 0.9 });
    let last = 0n;
    for (let reading = 0; reading < 400; reading++) {
      const now = clock.nowNs();
      expect(now >= last).toBe(true);
      last = now;
    }
  });

  it.each([3600_000, -3600_000, 5, -5])("follows a wall clock that is set by %d ms", (setMs) => {
    const { at, errorMs } = scripted({ offMs: 0.5 });
    for (let reading = 0; reading < 400; reading++) errorMs();
    at.setMs = setMs;
    expect(Math.abs(errorMs())).toBeLessThan(1.01);
    for (let reading = 0; reading < 400; reading++) errorMs();
    expect(Math.abs(errorMs())).toBeLessThan(0.03);
  });

  it("agrees with that of another process of this host", () => {
    const [ours, theirs] = [new Clock(), new Clock({ wall: () => Date.now(), counted: () => performance.now() })];
    const end = performance.now() + 20;
    while (performance.now() < end) [ours, theirs].map((clock) => clock.nowNs());
    const [before, between, after] = [ours.nowNs(), theirs.nowNs(), ours.nowNs()];
    expect(between > before - 200_000n && between < after + 200_000n).toBe(true);
  });
});
