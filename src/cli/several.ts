import { BangerError, errorTable } from "../rpc/contract/errors.ts";
import type { Interrupt } from "./interrupt.ts";
import { printableLine } from "../rpc/printable.ts";
import { ReaderLeft, type StandardStreams } from "./output/standard-streams.ts";
import type { Invocation, SeveralInvocation } from "./parse.ts";
import { reportError } from "./report-error.ts";
import type { Session } from "./session.ts";

/** So many are under way at once: more would only make each one slower. */
const atOnce = 4;

/** What a command for several is given. */
export interface SeveralDeps {
  readonly config: string;
  readonly streams: StandardStreams;
  readonly interrupt: Interrupt;
  /** Runs one of them, as an operation of its own. */
  readonly run: (session: Session) => Promise<number>;
}

/**
 * Does the same with several things: each is an operation with a trace of its own, as if it was asked for singly. All are tried;
 * with --json what came of those that worked is one array, in the order in which they were named. The exit code is the highest.
 */
export async function runSeveral(
  { each, flags }: Extract<Invocation, { kind: "several" }>,
  deps: SeveralDeps,
): Promise<number> {
  const say = (text: string | Uint8Array) => void deps.streams.err(text);
  const results = new Map<SeveralInvocation, unknown>();
  const nextSteps = new Set<string>();
  const widest = Math.max(...each.map(({ label }) => label.length)) + 1;
  let worst = 0;
  const ended = (exitCode: number) => {
    worst = Math.max(worst, exitCode);
  };
  const one = async (invocation: SeveralInvocation) => {
    try {
      if (deps.interrupt.signal.aborted) throw new BangerError("cancelled", "not begun");
      const oneOf = {
        prefix: `${invocation.label}:`.padEnd(widest),
        take: (result: unknown) => void results.set(invocation, result),
      };
      ended(await deps.run({ ...deps, invocation, oneOf }));
    } catch (error) {
      const named = namedBy(invocation.label, error);
      if (!flags.json) nextSteps.add(nextStep(named));
      ended(flags.json ? reportError(named, true, say) : tell(named, say));
    }
  };
  const waiting = each.values();
  const worker = async () => {
    for (const invocation of waiting) await one(invocation);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  for (const text of nextSteps) say(`${text}\n`);
  if (flags.json)
    await print(
      each.flatMap((asked) => (results.has(asked) ? [results.get(asked)] : [])),
      deps,
    );
  return worst === errorTable.cancelled.exit ? (deps.interrupt.exitCode ?? worst) : worst;
}

/** The error, which says of whom it is. */
function namedBy(label: string, error: unknown): BangerError {
  const known =
    error instanceof BangerError
      ? error
      : new BangerError("internal", error instanceof Error ? error.message : String(error), { cause: error });
  return new BangerError(known.code, `${label}: ${known.plain}`, {
    cause: known.cause,
    ...(known.opId === undefined ? {} : { opId: known.opId }),
    ...(known.details === undefined ? {} : { details: known.details }),
  });
}

function tell(error: BangerError, say: (text: string) => void): number {
  say(`banger: ${printableLine(error.message, " | ")} [${error.code}]\n`);
  return errorTable[error.code].exit;
}

function nextStep({ code, details }: BangerError): string {
  const hint = details?.["hint"];
  return `[${code}] ${typeof hint === "string" ? hint : errorTable[code].hint}`;
}

async function print(results: readonly unknown[], { streams, interrupt }: SeveralDeps): Promise<void> {
  try {
    await streams.out(Buffer.from(`${JSON.stringify(results)}\n`), interrupt.signal);
  } catch (error) {
    if (!(error instanceof ReaderLeft)) throw error;
  }
}
