import { expect, it } from "vitest";
import { ConnectionLimits, type LimitedConnection } from "../../../src/rpc/connection-limits.ts";

const connection = (pid: number, inFlight: number): LimitedConnection => ({
  pid,
  inFlight,
  heardAt: 0,
  unsentBytes: 0,
  leaving: false,
  end: () => undefined,
});
const of = (count: number, pid: number, inFlight: number) =>
  Array.from({ length: count }, () => connection(pid, inFlight));

it.each<[string, LimitedConnection[], number, RegExp | undefined]>([
  ["a process that asks nothing, beside one that asks all it may", of(2, 1, 64), 2, undefined],
  ["a process below its share", of(8, 1, 15), 1, undefined],
  ["a process that has its share", of(8, 1, 16), 1, /128 requests of process 1/],
  ["all processes together", [1, 2, 3, 4].flatMap((pid) => of(2, pid, 64)), 5, /512 requests on all connections/],
])("requests of %s", (_, others, pid, refused) => {
  const own = connection(pid, 0);
  const reason = new ConnectionLimits(new Set([...others, own])).refuse(own)?.message;
  if (refused === undefined) expect(reason).toBeUndefined();
  else expect(reason).toMatch(refused);
});
