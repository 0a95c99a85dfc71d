import type { ResultOf } from "../../rpc/contract/method.ts";
import type { systemContract } from "../../rpc/contract/system.ts";
import type { Finding } from "../../rpc/contract/finding.ts";
import type { SayingCheck } from "../capability/capability.ts";
import type { OperationContext } from "../operation/operations.ts";

/** Puts right what its check found. */
type Fix = (
  findings: readonly Finding[],
  context: Pick<OperationContext, "signal" | "emit">,
) => Promise<readonly string[]>;

/** What the doctor goes through, in this order. */
export interface DoctorDeps {
  readonly checks: readonly SayingCheck[];
  /** What is put right without a risk, by the name of the check that finds it; each says what it did, a line each. */
  readonly fixes: Readonly<Record<string, Fix>>;
}

type Diagnosis = ResultOf<typeof systemContract.systemDoctor>;

/** A check that takes longer is given up, and said to be so. */
const checkDeadlineMs = 10_000;

/** Looks at everything, and puts right what it may. */
export class Doctor {
  readonly #deps: DoctorDeps;

  constructor(deps: DoctorDeps) {
    this.#deps = deps;
  }

  async run(
    { fix }: { readonly fix: boolean },
    context: Pick<OperationContext, "signal" | "emit">,
  ): Promise<Diagnosis> {
    const checks = await this.#look(context.signal);
    const done: string[] = [];
    for (const { name, findings } of fix ? checks : []) {
      if (findings.length > 0) done.push(...((await this.#deps.fixes[name]?.(findings, context).catch(asWords)) ?? []));
    }
    return { checks: done.length > 0 ? await this.#look(context.signal) : checks, done };
  }

  async #look(signal: AbortSignal): Promise<Diagnosis["checks"]> {
    const checks = await Promise.all(this.#deps.checks.map((check) => diagnose(check, signal)));
    signal.throwIfAborted();
    return checks;
  }
}

/** A check that fails is a finding itself, and keeps no other from its answer. */
async function diagnose({ name, run }: SayingCheck, signal: AbortSignal): Promise<Diagnosis["checks"][number]> {
  const over = AbortSignal.any([signal, AbortSignal.timeout(checkDeadlineMs)]);
  const late = new Promise<never>((_, reject) => {
    over.addEventListener("abort", () => reject(new Error("it gave no answer in time")), { once: true });
  });
  try {
    const found = await Promise.race([run(over), late]);
    return "says" in found ? { name, findings: [...found.findings], says: found.says } : { name, findings: [...found] };
  } catch (error) {
    const message = `this could not be looked at: ${textOf(error)}`;
    const hint = "The daemon's log says more under this operation's id.";
    return { name, findings: [{ code: "check_failed", level: "error", message, hint }] };
  }
}

function asWords(error: unknown): string[] {
  return [`not done: ${textOf(error)}`];
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
