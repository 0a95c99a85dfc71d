import { describe, expect, it } from "vitest";
import { Changes } from "../../../src/daemon/vm/changes.ts";
import { watchVms } from "../../../src/daemon/vm/watch-vms.ts";

describe("who waits for a change", () => {
  it.each<[string, (changes: Changes, caller: AbortController) => void]>([
    ["comes", (changes) => changes.came()],
    ["is given up", (_, caller) => caller.abort()],
  ])("hears when it %s", async (_, happens) => {
    const changes = new Changes();
    const caller = new AbortController();
    const waits = [changes.next(caller.signal), changes.next(caller.signal)];
    happens(changes, caller);
    await Promise.all(waits);
    await changes.next(AbortSignal.abort());
  });
});

it("who watches VMs has one wait at a time, however long nothing changes, and none when he has left", async () => {
  const changes = new Changes();
  const caller = new AbortController();
  const waits: AbortSignal[] = [];
  const open = () => waits.filter(({ aborted }) => !aborted).length;
  const watching = watchVms({
    changed: (over) => {
      waits.push(over);
      return changes.next(over);
    },
    list: async () => [],
    signal: caller.signal,
    tell: async () => undefined,
  });
  await expect.poll(() => waits.length).toBe(3);
  expect(open()).toBe(1);
  caller.abort(new Error("left"));
  await expect(watching).rejects.toThrow("left");
  expect(open()).toBe(0);
});
