import { expect, it } from "vitest";
import type { TerminalSize } from "../../../src/rpc/frame.ts";
import { ActiveRequest } from "../../../src/rpc/request.ts";

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
