import { afterEach, expect, it, vi } from "vitest";
import { toldAccelerator } from "../../../src/daemon/vmm/accelerator.ts";

afterEach(() => vi.useRealTimers());

it("how guests are run is asked once in a minute, and again at once when nobody could say", async () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  let asked = 0;
  let away = true;
  const told = toldAccelerator(async () => {
    asked++;
    if (away) throw new Error("away");
    return { kind: "tcg", why: `try ${asked}` };
  });
  expect(await told()).toBeUndefined();
  away = false;
  expect([(await told())?.why, (await told())?.why]).toEqual(["try 2", "try 2"]);
  vi.advanceTimersByTime(59_000);
  expect((await told())?.why).toBe("try 2");
  vi.advanceTimersByTime(2_000);
  expect((await told())?.why).toBe("try 3");
});
