import { expect, it } from "vitest";
import { type Remembered, shares, toForget } from "../../../src/daemon/trace/retention.ts";

const operation = (traceId: string, given: Partial<Remembered> = {}): Remembered => ({
  trace_id: traceId,
  kind: "other",
  outcome: null,
  status: "ok",
  ...given,
});
const many = (count: number, name: string, given: Partial<Remembered> = {}) =>
  Array.from({ length: count }, (_, n) => operation(`${name}${n}`, given));
const small = () => 1;

it("questions make neither failures nor changes forgotten, however many they are", () => {
  const kept = [
    ...many(5, "failed", { kind: "mutation", outcome: "failed", status: "error" }),
    ...many(5, "made", { kind: "mutation", outcome: "done" }),
  ];
  const forgotten = toForget([...many(1_000, "asked"), ...kept], small);
  expect(forgotten).toHaveLength(1_000 - shares.other.operations);
  expect(forgotten.every((traceId) => traceId.startsWith("asked"))).toBe(true);
  expect(forgotten).not.toContain("asked0");
});

it.each(Object.entries(shares))("of the kind %s so many are kept, the newest", (share, { operations }) => {
  const given = {
    failure: { status: "error" },
    mutation: { kind: "mutation" },
    other: {},
  }[share as keyof typeof shares];
  expect(toForget(many(operations + 2, "op", given), small)).toEqual([`op${operations}`, `op${operations + 1}`]);
});

it("what is large costs older ones of its kind, and stays itself", () => {
  const large = (traceId: string) => (traceId === "op1" ? shares.other.bytes + 1 : 1);
  expect(toForget(many(3, "op"), large)).toEqual(["op1", "op2"]);
  expect(toForget(many(2, "op"), () => shares.other.bytes + 1)).toEqual(["op1"]);
});

it("what runs is never forgotten", () => {
  const running = many(500, "running", { kind: "mutation", outcome: "running" });
  expect(toForget(running, () => shares.mutation.bytes)).toEqual([]);
});
