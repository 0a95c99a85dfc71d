import { execFileSync, spawn } from "node:child_process";
import { describe, expect, it } from "vitest";
import { Installation } from "../support/installation.ts";
import { noSandbox } from "../support/sandbox.ts";

/** True while a process has this in its command line. */
function runs(mark: string): boolean {
  return execFileSync("ps", ["-eo", "args="], { encoding: "utf8" })
    .split("\n")
    .some((line) => line.startsWith("sleep") && line.includes(mark));
}

describe.skipIf(noSandbox)(`a sandbox${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  it.each([
    ["it is told to end", "7001", (mark: string) => ["scripts/sandbox", "sleep", mark], "SIGTERM"],
    ["it is killed", "7002", (mark: string) => ["scripts/sandbox", "sleep", mark], "SIGKILL"],
    [
      "whoever started it is killed",
      "7003",
      (mark: string) => ["sh", "-c", `scripts/sandbox sleep ${mark}; true`],
      "SIGKILL",
    ],
  ] as const)("ends with all that is in it when %s", async (_, mark, argv, signal) => {
    const [file = "", ...args] = argv(mark);
    const child = spawn(file, args, { stdio: "ignore" });
    await expect.poll(() => runs(mark), { timeout: 5_000 }).toBe(true);
    child.kill(signal);
    await expect.poll(() => runs(mark), { timeout: 5_000 }).toBe(false);
  });
});

it.skipIf(noSandbox)("the host's state has the sandbox's own loop devices, and no other sandbox's", async () => {
  await using one = await Installation.create();
  await using other = await Installation.create();
  const before = await other.hostState();
  const device = await one.sandbox.root("truncate -s 10M /mnt/tmp/file; losetup --find --show /mnt/tmp/file");
  try {
    expect(await one.hostState()).toContain("/mnt/tmp/file");
    expect(await other.hostState()).toBe(before);
  } finally {
    await one.sandbox.root(`losetup --detach ${device}`);
  }
});
