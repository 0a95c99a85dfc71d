import { type Context, context, SpanKind, SpanStatusCode, type Tracer } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  AlwaysOnSampler,
  type IdGenerator,
  type ReadableSpan,
  type Span,
  type SpanProcessor,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { currentOpId, sinkOf } from "./context.ts";
import { newOpId, traceIdOf } from "./op-id.ts";
import { randomHex } from "./random.ts";
import type { AttributeValue, SpanEvent, SpanKindName, SpanRecord, SpanSink } from "./span-record.ts";

/** What is recorded is cut by these and by no environment. A prune of many VMs has many stages. */
export const recordLimits = {
  attributeCountLimit: 128,
  attributeValueLengthLimit: Infinity,
  linkCountLimit: 128,
  eventCountLimit: 1_000,
  attributePerEventCountLimit: 128,
  attributePerLinkCountLimit: 128,
};

/** Makes the tracer of a process and the asynchronous context that carries its operations. Call once, at start. */
export function startTracer(service: string, sink: SpanSink, version?: string): Tracer {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ "service.name": service }),
    idGenerator: operationIds,
    sampler: new AlwaysOnSampler(),
    spanLimits: recordLimits,
    spanProcessors: [new Collector({ service, version }, sink)],
  });
  return provider.getTracer("banger");
}

/** Trace ids are operation ids; span ids come from the system's randomness (the SDK's own generator uses Math.random). */
export const operationIds: IdGenerator = {
  generateTraceId: () => traceIdOf(currentOpId() ?? newOpId()),
  generateSpanId: () => {
    const id = randomHex(8);
    return /^0+$/.test(id) ? operationIds.generateSpanId() : id;
  },
};

/** Whose spans a process makes. */
interface Self {
  readonly service: string;
  readonly version: string | undefined;
}

/** Hands each finished span to the collector of its context, else to the process's own sink. */
export class Collector implements SpanProcessor {
  readonly #self: Self;
  readonly #fallback: SpanSink;
  readonly #sinks = new WeakMap<object, SpanSink>();

  constructor(self: Self, fallback: SpanSink) {
    this.#self = self;
    this.#fallback = fallback;
  }

  onStart(span: Span, parent: Context): void {
    const sink = sinkOf(parent);
    if (sink !== undefined) this.#sinks.set(span, sink);
  }

  onEnd(span: ReadableSpan): void {
    const sink = this.#sinks.get(span) ?? this.#fallback;
    sink(recordOf(span, this.#self));
  }

  forceFlush(): Promise<void> {
    return Promise.resolve();
  }

  shutdown(): Promise<void> {
    return Promise.resolve();
  }
}

/** The record of a finished span. */
function recordOf(span: ReadableSpan, { service, version }: Self): SpanRecord {
  const { traceId, spanId } = span.spanContext();
  return {
    trace_id: traceId,
    span_id: spanId,
    ...(span.parentSpanContext === undefined ? {} : { parent_span_id: span.parentSpanContext.spanId }),
    service,
    pid: process.pid,
    ...(version === undefined ? {} : { version }),
    name: span.name,
    kind: kindName(span.kind),
    start_ns: nanoseconds(span.startTime),
    end_ns: nanoseconds(span.endTime),
    status:
      span.status.code === SpanStatusCode.ERROR ? "error" : span.status.code === SpanStatusCode.OK ? "ok" : "unset",
    ...(span.status.message === undefined ? {} : { status_message: span.status.message }),
    attributes: plain(span.attributes),
    links: span.links.map((link) => ({ trace_id: link.context.traceId, span_id: link.context.spanId })),
    ...(span.events.length === 0 ? {} : { events: span.events.map(eventOf) }),
  };
}

function eventOf({ name, time, attributes }: ReadableSpan["events"][number]): SpanEvent {
  return { name, time_ns: nanoseconds(time), attributes: plain(attributes ?? {}) };
}

/** Attributes as records have them: no lists. */
function plain(attributes: ReadableSpan["attributes"]): Record<string, AttributeValue> {
  return Object.fromEntries(
    Object.entries(attributes).filter((entry): entry is [string, AttributeValue] =>
      ["string", "number", "boolean"].includes(typeof entry[1]),
    ),
  );
}

function kindName(kind: SpanKind): SpanKindName {
  return kind === SpanKind.SERVER ? "server" : kind === SpanKind.CLIENT ? "client" : "internal";
}

function nanoseconds([seconds, nanos]: readonly [number, number]): string {
  return String(BigInt(seconds) * 1_000_000_000n + BigInt(nanos));
}
