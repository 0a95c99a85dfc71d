import type { OperationStatus, OperationSummary } from "../../rpc/contract/operation.ts";
import type { SpanRecord } from "../../telemetry/span-record.ts";
import { methodOf } from "./identity.ts";
import type { Operation } from "./operation.ts";
import { BangerError, isErrorCode } from "../../rpc/contract/errors.ts";
import type { StoredOperation } from "./operation-records.ts";
import { eventsOf, stepsOf, stepsOfSpans } from "./steps.ts";

/** An operation of this daemon, in a line. */
export function summaryOf({ opId, method, caller, startedNs, ended }: Operation, nowNs: bigint): OperationSummary {
  return {
    op_id: opId,
    method,
    state: ended?.outcome ?? "running",
    ...(caller === undefined ? {} : { caller_uid: caller.uid, caller_pid: caller.pid }),
    ...times(startedNs, ended?.atNs, nowNs),
  };
}

/** One of which only its row and its trace are left, in a line. What no daemon carries any more doesn't run. */
export function storedSummaryOf(row: StoredOperation): OperationSummary {
  return {
    op_id: row.opId,
    method: methodOf(row),
    state: row.outcome === "running" ? "interrupted" : row.outcome,
    ...(row.callerUid === null ? {} : { caller_uid: row.callerUid }),
    ...(row.callerPid === null ? {} : { caller_pid: row.callerPid }),
    ...times(row.startedNs, row.endedNs, row.endedNs),
  };
}

/** All of an operation of this daemon. */
export function statusOf(operation: Operation, nowNs: bigint): OperationStatus {
  const { events, ended, signal, method } = operation;
  const last = events.kept.findLast(({ event }) => event === "progress")?.data as { text?: unknown } | undefined;
  return {
    ...summaryOf(operation, nowNs),
    ...(signal.aborted && ended === undefined ? { cancelling: true } : {}),
    steps: stepsOf(events.kept),
    progress: typeof last?.text === "string" ? last.text : null,
    next: events.next,
    ...(ended?.error === undefined ? {} : { error: wireError(ended.error, method) }),
    ...(ended?.result === undefined ? {} : { result: ended.result }),
  };
}

/** All that is left of an operation of an earlier daemon's, or of long ago. */
export function storedStatusOf(row: StoredOperation, spans: readonly SpanRecord[]): OperationStatus {
  const steps = stepsOfSpans(spans, row.startedNs);
  const { result } = row.kept;
  const error = errorOf(row);
  return {
    ...storedSummaryOf(row),
    steps,
    progress: null,
    next: eventsOf(steps).length,
    ...(row.found === null ? {} : { found: row.found }),
    ...(error === undefined ? {} : { error }),
    ...(result === undefined ? {} : { result }),
  };
}

function times(startedNs: bigint, endedNs: bigint | undefined, untilNs: bigint) {
  return {
    begun_at: instant(startedNs),
    ended_at: endedNs === undefined ? null : instant(endedNs),
    took_ms: Math.max(0, Math.round(Number((endedNs ?? untilNs) - startedNs) / 1e5) / 10),
  };
}

function instant(ns: bigint): string {
  return new Date(Number(ns / 1_000_000n)).toISOString();
}

/** Why a row's operation has no result: as it was kept, or in the words that are left. */
function errorOf(row: StoredOperation): OperationStatus["error"] {
  const method = methodOf(row);
  const { code, message, details } = row.kept.error ?? {
    code: "disconnected",
    message: row.reason,
    details: undefined,
  };
  if (message === null) return undefined;
  const known = new BangerError(isErrorCode(code) ? code : "internal", message);
  return { ...wireError(known, method), ...(details === undefined ? {} : { details }) };
}

function wireError(error: BangerError, method: string): NonNullable<OperationStatus["error"]> {
  const { code, plain: message, details } = error.inOperation(method);
  return { code, message, ...(details === undefined ? {} : { details }) };
}
