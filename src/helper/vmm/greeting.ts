import type { ChildProcess } from "node:child_process";
import { closeSync } from "node:fs";
import { createConnection } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { BangerError } from "../../rpc/contract/errors.ts";
import { lackOfMemory } from "../../rpc/host-trouble.ts";

/** QEMU has this long until it answers on its QMP socket. */
const greetingDeadlineMs = 10_000;
const pollMs = 2;
const lastWordsMs = 1_000;

/** A descriptor that stands for the VMM's QMP socket; undefined while there is none. */
type OpenSocket = () => number | undefined;

/** QEMU greets on QMP once all its devices are made. The recorder ends after the VMM and when its last words are written. */
export async function awaitGreeting(open: OpenSocket, recorder: ChildProcess, words: () => string): Promise<void> {
  let failed: Error | undefined;
  recorder.once("error", (error) => {
    failed = error;
  });
  const deadline = performance.now() + greetingDeadlineMs;
  for (;;) {
    if (await greets(open, deadline - performance.now())) return;
    if (failed !== undefined || recorder.exitCode !== null || recorder.signalCode !== null) {
      const said = words() || failed?.message || "it said nothing";
      const code = lackOfMemory.test(said) ? "host_failed" : "command_failed";
      throw new BangerError(code, `QEMU ended at once: ${said}`);
    }
    if (performance.now() > deadline) {
      throw new BangerError(
        "command_failed",
        `QEMU did not answer within ${greetingDeadlineMs / 1000} s: ${words() || "it said nothing"}`,
      );
    }
    await delay(pollMs);
  }
}

/** Waits, not for ever, until a recorder has ended, and with it the writing of its VMM's last words. */
export async function recorderEnds(recorder: ChildProcess): Promise<void> {
  const deadline = performance.now() + lastWordsMs;
  while (recorder.exitCode === null && recorder.signalCode === null && performance.now() < deadline)
    await delay(pollMs);
}

/** Whether it greets; a socket that accepts and says nothing is waited for no longer than the deadline. */
async function greets(open: OpenSocket, withinMs: number): Promise<boolean> {
  const socket = open();
  if (socket === undefined) return false;
  try {
    return await says(`/proc/self/fd/${socket}`, withinMs);
  } finally {
    closeSync(socket);
  }
}

function says(path: string, withinMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    const end = (greeted: boolean) => {
      socket.destroy();
      resolve(greeted);
    };
    socket.setTimeout(Math.max(1, withinMs), () => end(false));
    socket.once("data", (bytes) => end(bytes.toString().startsWith('{"QMP"')));
    socket.once("error", () => end(false));
    socket.once("close", () => end(false));
  });
}
