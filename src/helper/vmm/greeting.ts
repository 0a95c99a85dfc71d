import type { ChildProcess } from "node:child_process";
import { createConnection } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { BangerError } from "../../rpc/contract/errors.ts";

/** QEMU has this long until it answers on its QMP socket. */
const greetingDeadlineMs = 10_000;
const pollMs = 2;
/** The last words of a QEMU that ended pass through another process; they are there when it has read them. */
const lastWordsMs = 50;

/** QEMU greets on QMP once all its devices are made. */
export async function awaitGreeting(path: string, child: ChildProcess, words: () => string): Promise<void> {
  let failed: Error | undefined;
  child.once("error", (error) => {
    failed = error;
  });
  const deadline = performance.now() + greetingDeadlineMs;
  for (;;) {
    if (await greets(path)) return;
    if (failed !== undefined || child.exitCode !== null || child.signalCode !== null) {
      await delay(lastWordsMs);
      throw new BangerError("command_failed", `QEMU ended at once: ${words() || failed?.message || "it said nothing"}`);
    }
    if (performance.now() > deadline) {
      throw new BangerError("command_failed", `QEMU did not answer within ${greetingDeadlineMs} ms: ${words()}`);
    }
    await delay(pollMs);
  }
}

function greets(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    const end = (greeted: boolean) => {
      socket.destroy();
      resolve(greeted);
    };
    socket.once("data", (bytes) => end(bytes.toString().startsWith('{"QMP"')));
    socket.once("error", () => end(false));
    socket.once("close", () => end(false));
  });
}
