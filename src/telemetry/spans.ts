import {
  context,
  type Context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { Clock } from "./clock.ts";
import { activeVm, contextOf, currentOpId, setActiveVm, sinkOf } from "./context.ts";
import { attribute } from "./names.ts";
import { newOpId, type OpId, opIdOfTrace, traceIdOf } from "./op-id.ts";
import { randomHex } from "./random.ts";
import type { AttributeValue, SpanKindName, SpanRecord, SpanSink } from "./span-record.ts";
import { formatTraceparent, type Traceparent } from "./traceparent.ts";

/** What a span is begun with. */
export interface SpanOptions {
  kind?: SpanKindName;
  attributes?: Record<string, AttributeValue>;
}

/** How an operation enters a process. */
export interface OperationOptions extends SpanOptions {
  /** The operation; a new one when absent. */
  opId?: OpId;
  /** The caller's span. One of another trace becomes a link, never the parent. */
  parent?: Traceparent | undefined;
  /** Collects the spans of this operation instead of the process's own sink. */
  sink?: SpanSink;
}

/** A span while it runs: attributes may still be added. */
export type ActiveSpan = Pick<Span, "setAttribute">;

/** Opens spans; the only way to do so. Dispatch and the step runner call it. */
export class Spans {
  readonly #tracer: Tracer;
  readonly #sink: SpanSink | undefined;
  readonly #clock = new Clock();

  /** `sink` takes what peers and guests measured in operations that nobody else collects. */
  constructor(tracer: Tracer, sink?: SpanSink) {
    this.#tracer = tracer;
    this.#sink = sink;
  }

  /** Now, as spans have it: Unix time in nanoseconds. */
  nowNs(): bigint {
    return this.#clock.nowNs();
  }

  /** The ids of the active span; undefined outside any operation. */
  activeIds(): ReturnType<typeof activeIds> {
    return activeIds();
  }

  /** Says that something has happened in the active span. */
  event(name: string, attributes: Record<string, AttributeValue>): void {
    trace.getActiveSpan()?.addEvent(name, attributes, hrTime(this.nowNs()));
  }

  /** Links the active span to what it follows from in another trace; one's own needs no link. */
  linkTo(cause: Traceparent | undefined): void {
    const span = trace.getActiveSpan();
    if (cause === undefined || span === undefined || span.spanContext().traceId === cause.traceId) return;
    span.addLink({ context: remote(cause) });
  }

  /** Says which VM the running operation is about: what is logged from here on names it. */
  about(vmId: string): void {
    setActiveVm(vmId);
  }

  /** The VM that the running operation is about, once that is known. */
  activeVm(): string | undefined {
    return activeVm();
  }

  /** Takes a peer's finished spans into the running operation. */
  adopt(spans: readonly SpanRecord[]): void {
    adoptSpans(spans);
  }

  /** Runs `work` as a new operation, or as this process's part of one. */
  operation<T>(
    name: string,
    options: OperationOptions,
    work: (opId: OpId, span: ActiveSpan) => Promise<T>,
  ): Promise<T> {
    const opId = options.opId ?? newOpId();
    const joins = options.parent !== undefined && options.parent.traceId === traceIdOf(opId);
    const links = options.parent !== undefined && !joins ? [{ context: remote(options.parent) }] : [];
    const base = contextOf(opId, options.sink ?? this.#sink, ROOT_CONTEXT);
    const parent = joins && options.parent ? trace.setSpanContext(base, remote(options.parent)) : base;
    return this.#run(name, options, links, parent, (span) => work(opId, span));
  }

  /** Runs `work` in a span below the active one. */
  span<T>(name: string, options: SpanOptions, work: (span: ActiveSpan) => Promise<T>): Promise<T> {
    return this.#run(name, options, [], context.active(), work);
  }

  /** Hands over a span that was measured elsewhere (in the guest) as a child of the active one. */
  measured(
    name: string,
    service: string,
    startNs: bigint,
    endNs: bigint,
    attributes: Record<string, AttributeValue> = {},
  ): void {
    const parent = trace.getSpanContext(context.active());
    if (parent === undefined) return;
    const spanId = randomHex(8);
    const record: SpanRecord = {
      trace_id: parent.traceId,
      span_id: spanId,
      parent_span_id: parent.spanId,
      service,
      name,
      kind: "internal",
      start_ns: String(startNs),
      end_ns: String(endNs),
      status: "unset",
      attributes,
      links: [],
    };
    sinkOf(context.active())?.(record);
  }

  async #run<T>(
    name: string,
    options: SpanOptions,
    links: { context: ReturnType<typeof remote> }[],
    parent: Context,
    work: (span: Span) => Promise<T>,
  ): Promise<T> {
    const kind = { internal: SpanKind.INTERNAL, server: SpanKind.SERVER, client: SpanKind.CLIENT }[
      options.kind ?? "internal"
    ];
    // The id generator gets no context and reads the active one: make the operation's own active while a span gets its ids.
    const span = context.with(parent, () =>
      this.#tracer.startSpan(
        name,
        { kind, links, attributes: { ...options.attributes }, startTime: hrTime(this.nowNs()) },
        parent,
      ),
    );
    try {
      return await context.with(trace.setSpan(parent, span), () => work(span));
    } catch (error) {
      span.setAttribute(attribute.errorType, errorType(error));
      const file = failedFile(error);
      if (file !== undefined) span.setAttribute(attribute.file, file);
      span.setStatus({ code: SpanStatusCode.ERROR, message: errorText(error) });
      throw error;
    } finally {
      span.end(hrTime(this.nowNs()));
    }
  }
}

/** The ids of the active span, for a log record or a request; undefined outside any operation. */
export function activeIds(): { opId: OpId; traceId: string; spanId: string; traceparent: string } | undefined {
  const opId = currentOpId();
  const span = trace.getSpanContext(context.active());
  if (opId === undefined || span === undefined) return undefined;
  return {
    opId,
    traceId: span.traceId,
    spanId: span.spanId,
    traceparent: formatTraceparent({ traceId: span.traceId, spanId: span.spanId, sampled: true }),
  };
}

/** Gives spans that a peer finished to whoever collects those of the running operation; spans of other traces are dropped. */
function adoptSpans(spans: readonly SpanRecord[]): void {
  const opId = currentOpId();
  const sink = sinkOf(context.active());
  if (opId === undefined || sink === undefined) return;
  for (const span of spans) if (opIdOfTrace(span.trace_id) === opId) sink(span);
}

function hrTime(ns: bigint): [seconds: number, nanoseconds: number] {
  return [Number(ns / 1_000_000_000n), Number(ns % 1_000_000_000n)];
}

function remote(parent: Traceparent) {
  return { traceId: parent.traceId, spanId: parent.spanId, traceFlags: 1, isRemote: true };
}

/** The wire code of an error that has one, else its class. */
function errorType(error: unknown): string {
  if (error instanceof Error) return "code" in error && typeof error.code === "string" ? error.code : error.name;
  return typeof error;
}

/** So far a failure's causes are looked through. */
const mostCauses = 8;

/** The file that a failure is about: that of a system call, or that an error names in its details; no descriptor of this process. */
function failedFile(error: unknown): string | undefined {
  for (let at = error, left = mostCauses; typeof at === "object" && at !== null && left > 0; left--) {
    const { path, details, cause } = at as { path?: unknown; details?: { path?: unknown }; cause?: unknown };
    const file = details?.path ?? path;
    if (typeof file === "string" && file.startsWith("/") && !file.startsWith("/proc/self/")) return file;
    at = cause;
  }
  return undefined;
}

function errorText(error: unknown): string {
  // A message that ends with the op_id would only repeat the span's own trace.
  const plain = error instanceof Error && "plain" in error && typeof error.plain === "string" ? error.plain : undefined;
  const text = plain ?? (error instanceof Error ? error.message : String(error));
  return text.slice(0, 500);
}
