import { type Context, context, createContextKey } from "@opentelemetry/api";
import type { OpId } from "./op-id.ts";
import type { SpanSink } from "./span-record.ts";

const opKey = createContextKey("banger.op_id");
const sinkKey = createContextKey("banger.span_sink");
const subjectKey = createContextKey("banger.subject");

/** The operation that the running code belongs to, if any. */
export function currentOpId(from: Context = context.active()): OpId | undefined {
  return from.getValue(opKey) as OpId | undefined;
}

/** Where spans begun in this context go, if somebody collects them. */
export function sinkOf(from: Context): SpanSink | undefined {
  return from.getValue(sinkKey) as SpanSink | undefined;
}

/** The VM that the running operation is about, once that is known. */
export function activeVm(): string | undefined {
  return (context.active().getValue(subjectKey) as { vmId?: string } | undefined)?.vmId;
}

/** Says which VM the running operation is about: its records name it from here on. */
export function setActiveVm(vmId: string): void {
  const subject = context.active().getValue(subjectKey) as { vmId?: string } | undefined;
  if (subject !== undefined) subject.vmId = vmId;
}

/** A context in which an operation runs, and its spans are collected. */
export function contextOf(opId: OpId, sink: SpanSink | undefined, from: Context): Context {
  const withOp = from.setValue(opKey, opId).setValue(subjectKey, {});
  return sink === undefined ? withOp : withOp.setValue(sinkKey, sink);
}
