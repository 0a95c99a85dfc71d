import { expect, it } from "vitest";
import type { TerminalSize } from "../../../src/rpc/frame.ts";
import { ActiveRequest } from "../../../src/rpc/request.ts";
import { contract, rpcPair } from "../../support/rpc-pair.ts";

const sigint = 2;
const sigcont = 18;
const sigwinch = 28;

it.each<[unknown, TerminalSize | undefined]>([
  [
    { columns: 80, rows: 24 },
    { columns: 80, rows: 24 },
  ],
  [
    { columns: 65_535, rows: 1, more: "x" },
    { columns: 65_535, rows: 1 },
  ],
  [{ columns: 65_536, rows: 24 }, undefined],
  [{ columns: 0, rows: 24 }, undefined],
  [{ columns: -1, rows: 24 }, undefined],
  [{ columns: 80.5, rows: 24 }, undefined],
  [{ columns: "80", rows: 24 }, undefined],
  [{ columns: 80 }, undefined],
  ["80x24", undefined],
  [[80, 24], undefined],
  [null, undefined],
  [undefined, undefined],
])("a terminal's size of %j beside a signal is read as %j", (given, size) => {
  const request = new ActiveRequest(undefined);
  const told: unknown[] = [];
  request.takeSignals((...what) => told.push(what));
  expect(request.passSignal(sigwinch, given)).toBe(true);
  expect(told).toEqual([[sigwinch, size]]);
});

it("a size that comes before anybody takes signals waits for who does, the last one alone", async () => {
  await using pair = await rpcPair();
  const client = await pair.connect();
  const passSignals = (pass: (signal: number, size?: TerminalSize) => void) => {
    pass(sigwinch, { columns: 80, rows: 24 });
    pass(sigcont, { columns: 132, rows: 50 });
    pass(sigwinch);
    return () => undefined;
  };
  const input = (async function* () {})();
  expect(await client.call(contract.sized, {}, { passSignals, input })).toEqual({
    told: [[sigwinch, { columns: 132, rows: 50 }]],
  });
  client.close();
});

it.each<[string, number, unknown]>([
  ["a signal that ends what runs", sigint, undefined],
  ["one with a size beside it", sigint, { columns: 80, rows: 24 }],
])("nothing here takes %s before somebody does", (_, signal, size) => {
  expect(new ActiveRequest(undefined).passSignal(signal, size)).toBe(false);
});
