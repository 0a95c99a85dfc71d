import { BangerError, isErrorCode } from "../../../rpc/contract/errors.ts";
import type { OperationStatus } from "../../../rpc/contract/operation.ts";
import { isOpId } from "../../../telemetry/op-id.ts";
import type { CallChoices, CommandContext } from "../../command.ts";

/** A poll about an operation is sent under its op_id, where that is typed whole: so it is on the daemon's lines too. */
export function underOpId(reference: string): Pick<CallChoices, "opId"> {
  return isOpId(reference) ? { opId: reference } : {};
}

/** How an operation is followed. */
interface Following {
  /** The number of the first event to show. */
  readonly from: number;
  /** True when Ctrl-C cancels the operation, whose undoing is then awaited; else it only leaves. */
  readonly cancels: boolean;
}

/** Shows an operation's steps as they come; resolves with it when it has ended. Rejects with `cancelled` when a person leaves before. */
export async function follow(
  { call, interrupted, onlyLeave }: CommandContext,
  opId: string,
  { from, cancels }: Following,
): Promise<OperationStatus> {
  if (!cancels) onlyLeave();
  const staying = new AbortController().signal;
  const cancel = () => {
    // It may have ended by itself meanwhile: what it came to is told in any case.
    call("operationCancel", { op_id: opId }, { opId, signal: staying }).catch(() => undefined);
  };
  if (cancels) interrupted.addEventListener("abort", cancel, { once: true });
  try {
    const choices = { opId, signal: cancels ? staying : interrupted };
    return await call("operationWait", { op_id: opId, from }, choices);
  } catch (error) {
    if (cancels || !interrupted.aborted || !(error instanceof BangerError) || error.code !== "cancelled") throw error;
    throw new BangerError("cancelled", "operation wait: left, and the operation goes on", {
      cause: error,
      opId,
      details: {
        hint: `\`banger operation wait ${opId}\` comes back to it, \`banger operation cancel ${opId}\` ends it.`,
      },
    });
  } finally {
    interrupted.removeEventListener("abort", cancel);
  }
}

/** What an operation failed with, as the command that began it would have told; undefined when it didn't. */
export function failureOf(operation: OperationStatus): BangerError | undefined {
  const { state, op_id: opId, error } = operation;
  if (state === "ok" || state === "running") return undefined;
  const { code, message, details } = error ?? { code: "internal", message: `it is ${state}` };
  if (state === "interrupted") {
    const found = foundText(operation);
    return new BangerError("disconnected", found === "" ? message : `${message}; ${found}`, {
      opId,
      details: {
        hint: `\`banger operation show ${opId}\` shows how far it came; a second try is an operation of its own.`,
      },
    });
  }
  return new BangerError(isErrorCode(code) ? code : "internal", message, {
    opId,
    ...(details === undefined ? {} : { details }),
  });
}

/** What the next daemon found of an operation that was interrupted, in words; empty for any other. */
export function foundText({ state, found }: Pick<OperationStatus, "state" | "found">): string {
  if (state !== "interrupted") return "";
  return found === undefined ? "what came of it has not been found yet" : foundWords[found];
}

const foundWords: Readonly<Record<NonNullable<OperationStatus["found"]>, string>> = {
  undone: "the next start found it undone",
  finished: "the next start found it finished",
  goes_on: "the next start goes on with it",
};
