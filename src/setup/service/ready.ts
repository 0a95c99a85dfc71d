import { setTimeout as wait } from "node:timers/promises";
import type { Installation } from "../../installation/install-file.ts";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { Answer, SetupDeps } from "../deps.ts";
import { lastWordsOf } from "./journal-words.ts";
import { services } from "../setup.ts";
import type { Systemd, UnitState } from "./systemd.ts";

/** Who is to answer. */
export interface Awaited {
  readonly version: string;
  /** The daemon that ran before; one with this pid isn't it. */
  readonly otherThan?: number | undefined;
  /** Services that are started anew, as they were before: until systemd says that each was started again, it is the old one that answers. */
  readonly replaced?: readonly UnitState[];
  readonly signal?: AbortSignal;
}

const everyMs = 100;

/** Waits until both services answer with the version; fails with what the last answer was. */
export async function awaitReady(
  { daemonOf, places, readyMs, run, systemd }: Pick<SetupDeps, "daemonOf" | "places" | "readyMs" | "run" | "systemd">,
  installation: Installation,
  { version, otherThan, replaced = [], signal }: Awaited,
): Promise<Answer> {
  const daemon = daemonOf(installation, places.config);
  const giveUpAt = performance.now() + readyMs;
  let last = "nobody answered";
  while (performance.now() < giveUpAt) {
    signal?.throwIfAborted();
    const answer = await untilAborted(daemon.ping(), signal).catch((error: unknown) => {
      last = error instanceof Error ? error.message : String(error);
    });
    if (answer !== undefined) {
      const isIt = answer.version === version && answer.helperVersion === version && answer.pid !== otherThan;
      const old = isIt ? await notReplaced(systemd, replaced) : undefined;
      if (isIt && old === undefined) return answer;
      last = old ?? whyNot(answer, version, otherThan);
    }
    await wait(everyMs, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
  }
  const states = await systemd.show(services);
  const said = states.map(({ unit, active }) => `${unit} is ${active}`).join(", ");
  throw new BangerError("not_ready", `${version} wasn't ready in ${readyMs / 1000} s: ${last}; ${said}`, {
    details: {
      hint: "`journalctl -u bangerd -u bangerd-root` has all that they said.",
      stderr: await lastWordsOf(run, services),
    },
  });
}

/** What is asked, or nothing as soon as nobody waits for it any more. */
async function untilAborted<T>(asked: Promise<T>, signal: AbortSignal | undefined): Promise<T | undefined> {
  if (signal === undefined) return asked;
  const heard = Promise.withResolvers<undefined>();
  const abort = () => heard.resolve(undefined);
  signal.addEventListener("abort", abort);
  try {
    return await Promise.race([asked, heard.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** Says which service wasn't started again. */
async function notReplaced(systemd: Systemd, replaced: readonly UnitState[]): Promise<string | undefined> {
  if (replaced.length === 0) return undefined;
  const states = await systemd.show(replaced.map(({ unit }) => unit));
  const old = states.find(
    ({ active, invocation }, at) => active !== "active" || invocation === replaced[at]?.invocation,
  );
  return old === undefined ? undefined : `${old.unit} hasn't started anew`;
}

function whyNot(
  { version, helperVersion, helperError, pid }: Answer,
  wanted: string,
  otherThan: number | undefined,
): string {
  if (pid === otherThan) return "the daemon of before still runs";
  if (version !== wanted) return `the daemon is ${version}`;
  if (helperVersion === null)
    return `the daemon doesn't reach the helper${helperError === undefined ? "" : ` (${helperError})`}`;
  return `the helper is ${helperVersion}`;
}
