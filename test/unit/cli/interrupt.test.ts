import { constants } from "node:os";
import { expect, it, vi } from "vitest";
import { listenForInterrupt } from "../../../src/cli/interrupt.ts";

const { SIGINT, SIGTERM, SIGKILL } = constants.signals;
let nowMs = 0;

it.each<[string, [name: "SIGINT" | "SIGTERM", atMs: number][], number[]]>([
  [
    "the same twice within 2 s",
    [
      ["SIGINT", 0],
      ["SIGINT", 1_900],
    ],
    [SIGINT, SIGKILL],
  ],
  [
    "the same twice, later",
    [
      ["SIGINT", 0],
      ["SIGINT", 2_100],
    ],
    [SIGINT, SIGINT],
  ],
  [
    "the same often and fast, in the end",
    [
      ["SIGINT", 0],
      ["SIGINT", 2_100],
      ["SIGINT", 2_200],
    ],
    [SIGINT, SIGINT, SIGKILL],
  ],
  [
    "another",
    [
      ["SIGINT", 0],
      ["SIGTERM", 10],
    ],
    [SIGINT, SIGTERM],
  ],
  [
    "two by turns",
    [
      ["SIGINT", 0],
      ["SIGTERM", 10],
      ["SIGINT", 20],
    ],
    [SIGINT, SIGTERM, SIGINT],
  ],
])("a command in a guest gets %s", (_, signals, passed) => {
  const exit = vi.spyOn(process, "exit").mockImplementation((() => undefined) as never);
  const fresh = listenForInterrupt(
    () => undefined,
    () => nowMs,
  );
  const got: number[] = [];
  const end = fresh.passTo((signal) => got.push(signal));
  for (const [name, atMs] of signals) {
    nowMs = atMs;
    process.emit(name, name);
  }
  end();
  fresh.close();
  expect(got).toEqual(passed);
  expect(exit).not.toHaveBeenCalled();
  exit.mockRestore();
});

it("ends no process that undoes what was begun, however often a signal comes, and says so", () => {
  const exit = vi.spyOn(process, "exit").mockImplementation((() => undefined) as never);
  const notes: string[] = [];
  const fresh = listenForInterrupt((text) => notes.push(text));
  fresh.undoesHere();
  for (const name of ["SIGINT", "SIGINT", "SIGTERM"] as const) process.emit(name, name);
  fresh.close();
  expect(exit).not.toHaveBeenCalled();
  exit.mockRestore();
  expect(fresh.signal.aborted).toBe(true);
  expect(fresh.exitCode).toBe(128 + SIGINT);
  const still = "what was begun is still being undone\n";
  expect(notes).toEqual(["cancelling; what was begun is undone first\n", still, still]);
});
