import { closeSync } from "node:fs";
import { createConnection } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { BangerError } from "../../rpc/contract/errors.ts";
import { lackOfMemory } from "../../rpc/host-trouble.ts";
import type { Recorder } from "./launcher.ts";
import type { Greeting, KindOfVmm } from "./vmm-kind.ts";

/**
 * A VMM that doesn't answer on its socket is ended when it has done nothing for `idle`; one that works, on a host that is slow or
 * has much to do, when it has taken `longest`, before its caller gives up.
 */
const deadlineMs = { idle: 10_000, longest: 45_000 } as const;
const [pollMs, lookMs] = [2, 100];
const lastWordsMs = 1_000;
const longestAnswer = 4096;

/** A VMM that was launched. Its recorder ends after it and when its last words are written. */
interface LaunchedVmm {
  /** A descriptor that stands for its socket; undefined while there is none. */
  readonly open: () => number | undefined;
  readonly recorder: Recorder;
  /** The time that it has spent on processors so far, in any unit. */
  readonly spent: () => number;
  readonly words: () => string;
}

/** Waits until a VMM answers: QEMU on QMP, once all its devices are made; Firecracker when it serves its API. */
export async function awaitGreeting(
  { title, greeting }: Pick<KindOfVmm, "title" | "greeting">,
  { open, recorder, spent, words }: LaunchedVmm,
): Promise<void> {
  const began = performance.now();
  const isLate = lateness(spent);
  for (;;) {
    if (await greets(open, greeting, isLate)) return;
    if (recorder.hasEnded()) {
      const said = words() || recorder.failure() || "it said nothing";
      const code = lackOfMemory.test(said) ? "host_failed" : "command_failed";
      throw new BangerError(code, `${title} ended at once: ${said}`);
    }
    if (isLate()) {
      const seconds = Math.floor((performance.now() - began) / 1000);
      throw new BangerError(
        "command_failed",
        `${title} did not answer within ${seconds} s: ${words() || "it said nothing"}`,
      );
    }
    await delay(pollMs);
  }
}

/** Says whether a VMM is to be waited for no longer. */
function lateness(spent: LaunchedVmm["spent"]): () => boolean {
  const began = performance.now();
  let looked = began;
  let worked = { spent: spent(), at: began };
  return () => {
    const now = performance.now();
    if (now - looked >= lookMs) {
      looked = now;
      const sum = spent();
      if (sum !== worked.spent) worked = { spent: sum, at: now };
    }
    return now - worked.at > deadlineMs.idle || now - began > deadlineMs.longest;
  };
}

/** Waits, not for ever, until a recorder has ended, and with it the writing of its VMM's last words. */
export async function recorderEnds(recorder: Pick<Recorder, "hasEnded">): Promise<void> {
  const deadline = performance.now() + lastWordsMs;
  while (!recorder.hasEnded() && performance.now() < deadline) await delay(pollMs);
}

/** Whether it greets; a socket that accepts and says nothing is waited for until that is late. */
async function greets(open: LaunchedVmm["open"], greeting: Greeting, isLate: () => boolean): Promise<boolean> {
  const socket = open();
  if (socket === undefined) return false;
  try {
    return await says(`/proc/self/fd/${socket}`, greeting, isLate);
  } finally {
    closeSync(socket);
  }
}

function says(path: string, { say, answer }: Greeting, isLate: () => boolean): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    const end = (greeted: boolean) => {
      clearInterval(watch);
      socket.destroy();
      resolve(greeted);
    };
    const watch = setInterval(() => isLate() && end(false), lookMs);
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
