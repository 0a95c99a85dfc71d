import { expect, it } from "vitest";
import { TimeShare } from "../../../src/daemon/guest/time-share.ts";
import { Unasked } from "../../../src/daemon/guest/unasked.ts";

it("whoever takes more time than a share waits until it is made up for", () => {
  let now = 0;
  const share = new TimeShare({ part: 0.25, burstMs: 20, now: () => now });
  expect(share.spend(20)).toBe(0);
  expect(share.spend(5)).toBe(20);
  now = 20;
  expect(share.spend(0)).toBe(0);
  now = 1_000_000;
  expect(share.spend(21), "no more is saved up than a burst").toBe(4);
});

it("frames that nobody asked for are borne now and then, and when they are expected", () => {
  let now = 0;
  const unasked = new Unasked(() => now);
  const taken = () => {
    let count = 0;
    while (unasked.take()) count++;
    return count;
  };
  expect(taken()).toBe(4_096);
  now = 1_000;
  expect(taken()).toBeGreaterThan(50);
  unasked.expect(10_000);
  expect(taken()).toBeGreaterThan(9_000);
});
