import { closeSync } from "node:fs";
import { createConnection } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { BangerError } from "../../rpc/contract/errors.ts";
import { lackOfMemory } from "../../rpc/host-trouble.ts";
import type { Recorder } from "./launcher.ts";
import type { Greeting, KindOfVmm } from "./vmm-kind.ts";

/** A VMM has this long until it answers on its socket. */
const greetingDeadlineMs = 10_000;
const pollMs = 2;
const lastWordsMs = 1_000;
const longestAnswer = 4096;

/** A VMM that was launched. Its recorder ends after it and when its last words are written. */
interface LaunchedVmm {
  /** A descriptor that stands for its socket; undefined while there is none. */
  readonly open: () => number | undefined;
  readonly recorder: Recorder;
  readonly words: () => string;
}

/** Waits until a VMM answers: QEMU on QMP, once all its devices are made; Firecracker when it serves its API. */
export async function awaitGreeting(
  { title, greeting }: Pick<KindOfVmm, "title" | "greeting">,
  { open, recorder, words }: LaunchedVmm,
): Promise<void> {
  const deadline = performance.now() + greetingDeadlineMs;
  for (;;) {
    if (await greets(open, greeting, deadline - performance.now())) return;
    if (recorder.hasEnded()) {
      const said = words() || recorder.failure() || "it said nothing";
      const code = lackOfMemory.test(said) ? "host_failed" : "command_failed";
      throw new BangerError(code, `${title} ended at once: ${said}`);
    }
    if (performance.now() > deadline) {
      throw new BangerError(
        "command_failed",
        `${title} did not answer within ${greetingDeadlineMs / 1000} s: ${words() || "it said nothing"}`,
      );
    }
    await delay(pollMs);
  }
}

/** Waits, not for ever, until a recorder has ended, and with it the writing of its VMM's last words. */
export async function recorderEnds(recorder: Pick<Recorder, "hasEnded">): Promise<void> {
  const deadline = performance.now() + lastWordsMs;
  while (!recorder.hasEnded() && performance.now() < deadline) await delay(pollMs);
}

/** Whether it greets; a socket that accepts and says nothing is waited for no longer than the deadline. */
async function greets(open: LaunchedVmm["open"], greeting: Greeting, withinMs: number): Promise<boolean> {
  const socket = open();
  if (socket === undefined) return false;
  try {
    return await says(`/proc/self/fd/${socket}`, greeting, withinMs);
  } finally {
    closeSync(socket);
  }
}

function says(path: string, { say, answer }: Greeting, withinMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    const end = (greeted: boolean) => {
      clearTimeout(late);
      socket.destroy();
      resolve(greeted);
    };
    const late = setTimeout(end, Math.max(1, withinMs), false);
    let said = "";
    socket.on("data", (bytes) => {
      said += bytes.toString("latin1");
      if (said.includes(answer)) end(true);
      else if (said.length > longestAnswer) end(false);
    });
    socket.write(say);
    socket.once("error", () => end(false));
    socket.once("close", () => end(false));
  });
}
