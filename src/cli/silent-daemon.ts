import { setTimeout as wait } from "node:timers/promises";
import { BangerError } from "../rpc/contract/errors.ts";
import { lastWordsOf, whyItEnded } from "../setup/service/journal-words.ts";
import { type Run, runProgram } from "../setup/host/run-program.ts";
import { Systemd, type UnitState } from "../setup/service/systemd.ts";
import { because, failsAgain, stateText } from "../setup/service/unit-words.ts";

const unit = "bangerd.service";
/** So long it may be silent before systemd is asked how it is, and between two looks. */
const usualMs = 500;
/** One that is replaced once while somebody waits, by the watchdog, say, answers then; one that is replaced so often never will. */
const tooOften = 2;

/** A daemon that systemd runs, and that somebody waits for. */
export interface Silent {
  /** True once anything came from it. */
  readonly heard: () => boolean;
  /** Asks it for a sign of life. */
  readonly ask: () => void;
  /** Aborts when nobody waits for it any more. */
  readonly over: AbortSignal;
  readonly run?: Run;
  readonly everyMs?: number;
}

/**
 * Why a daemon will not answer, as soon as systemd knows: it was given up, or fails each time that it is started, while who connects waits in the
 * socket. Nothing once it is heard, or nobody waits: one that is slow to start, or busy, has the time that it needs.
 */
export async function whyItIsSilent(silent: Silent): Promise<BangerError | undefined> {
  const { heard, ask, over, run = runProgram, everyMs = usualMs } = silent;
  const systemd = new Systemd(run);
  let first: UnitState | undefined;
  for (;;) {
    await wait(everyMs, undefined, { signal: over }).catch(() => undefined);
    if (over.aborted || heard()) return undefined;
    if (first === undefined) ask();
    const [state] = await systemd.show([unit]);
    if (state === undefined) return undefined;
    first ??= state;
    if (state.active === "failed") return failure(run, stateText(state));
    if (state.restarts - first.restarts >= tooOften) return failure(run, failsAgain(state));
  }
}

async function failure(run: Run, text: string): Promise<BangerError> {
  const words = whyItEnded(await lastWordsOf(run, [unit]));
  return new BangerError("daemon_unavailable", `${text}${because(words)}`, {
    details: { hint: "`banger system status` says the next step, `journalctl -u bangerd` all that it said." },
  });
}
