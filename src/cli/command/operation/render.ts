import type { OperationStatus, OperationStep, OperationSummary } from "../../../rpc/contract/operation.ts";
import { columns, fields, table } from "../../output/table.ts";
import { age, duration } from "../../output/units.ts";
import { foundText } from "./follow.ts";

/** Operations as a table. */
export function operationTable(operations: readonly OperationSummary[]): string {
  return table(
    ["OP_ID", "OPERATION", "VM", "STATE", "BY", "TOOK", "BEGUN"],
    operations.map((operation) => [
      operation.op_id,
      operation.method,
      operation.vm ?? "-",
      operation.state,
      callerOf(operation),
      duration(operation.took_ms),
      age(operation.begun_at),
    ]),
    "no operations yet",
  );
}

/** One operation: a field a line, then its steps, then where there is more. */
export function operationText(operation: OperationStatus): string {
  const { op_id: opId, method, state, error, progress, steps, result } = operation;
  const about = fields([
    ["op_id", opId],
    ["operation", method],
    ["vm", operation.vm ?? null],
    ["state", operation.cancelling === true ? `${state}, being cancelled` : state],
    ["found", foundText(operation)],
    ["error", error === undefined ? null : `${error.message} [${error.code}]`],
    ["result", nameOf(result)],
    ["by", callerOf(operation)],
    ["begun", operation.begun_at],
    ["ended", operation.ended_at],
    ["took", duration(operation.took_ms)],
    ["progress", state === "running" ? progress : null],
  ]);
  const taken = steps.length === 0 ? "" : `\n${columns([["STEP", "PHASE", "AT", "TOOK"], ...steps.map(stepRow)])}`;
  return `${about}${taken}\n\`banger trace show ${opId}\` shows its trace\n`;
}

function stepRow({ step, phase, began_ms: began, took_ms: took }: OperationStep): string[] {
  return [step, phase, `+${duration(began)}`, took === null ? "" : duration(took)];
}

function callerOf({ caller_uid: uid, caller_pid: pid }: OperationSummary): string {
  return uid === undefined ? "bangerd" : `uid ${uid}, pid ${pid ?? "?"}`;
}

/** What an operation made or changed, where that has a name. */
function nameOf(result: unknown): string | null {
  const name = typeof result === "object" && result !== null && "name" in result ? result.name : undefined;
  return typeof name === "string" ? name : null;
}
