import { expect, it } from "vitest";
import { type Held, Quota } from "../../../src/daemon/network/names/quota.ts";

/** A quota, and whose places were cut, in order. */
function quota(limits: { each: number; all: number }) {
  const cut: string[] = [];
  const counted = new Quota(limits);
  const take = (who: string): Held | undefined => counted.take(who, () => cut.push(who));
  return { cut, take, cutAll: () => counted.cutAll() };
}

const times = <T>(count: number, work: () => T): T[] => Array.from({ length: count }, work);

it("gives each its own number of places, and one again that was left, once", () => {
  const { take } = quota({ each: 2, all: 8 });
  const [first, , third] = times(3, () => take("a"));
  expect(third).toBeUndefined();
  first?.end();
  first?.end();
  expect(times(2, () => take("a")).filter(Boolean)).toHaveLength(1);
});

it("takes the oldest of who holds most for one that has less than its share", () => {
  const { cut, take } = quota({ each: 4, all: 8 });
  times(4, () => take("a"));
  const [left] = times(4, () => take("b"));
  left?.end();
  take("c");
  expect(cut).toEqual([]);
  expect(times(3, () => take("c") !== undefined)).toEqual([true, false, false]);
  expect(cut).toEqual(["a"]);
});

it("gives more guests than places one each, in turn", () => {
  const { cut, take } = quota({ each: 4, all: 2 });
  for (const who of ["a", "b", "c", "d"]) expect(take(who)).toBeDefined();
  expect(cut).toEqual(["a", "b"]);
  expect(take("d")).toBeUndefined();
});

it("ends all, and has room again", () => {
  const { cut, take, cutAll } = quota({ each: 2, all: 2 });
  times(2, () => take("a"));
  cutAll();
  expect(cut).toEqual(["a", "a"]);
  expect(take("a")).toBeDefined();
});
