import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, it } from "vitest";
import { hungDaemonHint } from "../../../src/cli/hung-daemon.ts";

it("a daemon that a signal stopped is let go on", async () => {
  const child = spawn("sleep", ["600"]);
  await once(child, "spawn");
  const { pid } = child;
  const hint = () => hungDaemonHint({ pid, installed: true, asked: "operation" });
  try {
    expect(hint()).toContain("stuck or overloaded");
    child.kill("SIGSTOP");
    await expect
      .poll(hint)
      .toBe(
        `It is stopped (pid ${pid}): \`kill -CONT ${pid}\` lets it go on. What it had begun of this is cancelled, and undone, when it goes on.`,
      );
  } finally {
    child.kill("SIGKILL");
    await once(child, "close");
  }
});

it.each([
  [{ pid: process.pid, installed: true, asked: "poll" }, /`sudo systemctl restart bangerd` replaces it.*run on\.$/],
  [{ pid: process.pid, installed: false, asked: "poll" }, new RegExp(`kill -KILL ${process.pid}.*start it again: `)],
  [{ pid: undefined, installed: false, asked: "outlives" }, /^It is stuck.*kill -KILL <its pid>.*that goes on with it/],
] as const)("a daemon that only doesn't answer is waited for, or replaced: %j", (hung, says) => {
  expect(hungDaemonHint(hung)).toMatch(says);
});
