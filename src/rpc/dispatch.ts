import type { Logger } from "../telemetry/log.ts";
import { attribute } from "../telemetry/names.ts";
import type { RecordCarrier } from "../telemetry/record-carrier.ts";
import { isOpId, newOpId, type OpId, opIdOfTrace } from "../telemetry/op-id.ts";
import type { SpanRecord, SpanSink } from "../telemetry/span-record.ts";
import type { Spans } from "../telemetry/spans.ts";
import { parseTraceparent, type Traceparent } from "../telemetry/traceparent.ts";
import { checkParams, checkResult } from "./check-values.ts";
import { BangerError, type ErrorCode } from "./contract/errors.ts";
import { operationName } from "./operation-name.ts";
import type { Method, ParamsOf, ResultOf } from "./contract/method.ts";
import { hostTroubleOf } from "./host-trouble.ts";
import { type ResponseFrame, type WireError, wireVersion } from "./frame.ts";
import type { PeerCredentials } from "./peer-credentials.ts";
import type { Deliver } from "./request.ts";

/** What a handler may use of its request. */
export interface RequestContext {
  readonly opId: OpId;
  /** The parameters as they were checked, by which a request that is sent twice is known; each request has an object of its own. */
  readonly asked: { readonly params: unknown };
  /** Aborts when the client cancels or goes away, or the deadline passes. */
  readonly signal: AbortSignal;
  readonly peer: PeerCredentials | undefined;
  /** Sends an event; resolves when the client keeps up. */
  readonly emit: (event: string, data?: unknown) => Promise<void>;
  /** From here on `deliver` gets the signals that the caller passes on; without it such a signal cancels the request. */
  readonly takeSignals?: (deliver: Deliver) => void;
  /** The bytes that the client sends after its request. */
  readonly input: AsyncIterable<Uint8Array>;
  /** True for spans that this connection may submit: their trace is that of a request it made. */
  readonly ownsTrace: (traceId: string) => boolean;
}

/** One handler for each method of a contract; one that is missing doesn't compile. */
export type Handlers<C extends Record<string, Method>> = {
  readonly [K in keyof C]: (params: ParamsOf<C[K]>, context: RequestContext) => Promise<ResultOf<C[K]>>;
};

/** What dispatch needs. */
export interface DispatchDeps<C extends Record<string, Method>> {
  readonly contract: C;
  readonly handlers: Handlers<C>;
  readonly spans: Spans;
  readonly log: Logger;
  /** Keeps the spans of requests; absent, they ride back in the answer. */
  readonly keepSpans?: SpanSink;
  /** Has what is logged of a request ride back in its answer, where that names its operation. */
  readonly carrier?: RecordCarrier;
  /** Called when a traced request's span is open, inside its operation. */
  readonly onStarted?: (method: Method) => void;
  /** Called once for each answered request, inside its operation when it has a span. */
  readonly onAnswered?: (outcome: Outcome) => void;
}

/** How a request went, for the one line a helper writes and for the daemon's list of operations. */
export interface Outcome {
  readonly method: string;
  readonly opId: OpId;
  readonly traced: boolean;
  readonly durationMs: number;
  readonly startedAt: Date;
  readonly peer: PeerCredentials | undefined;
  /** The request came with a traceparent that is none, which was ignored. */
  readonly badTraceparent: boolean;
  /** The VM that its parameters name by id. */
  readonly vmId: string | undefined;
  readonly error?: BangerError;
}

/** At most this many spans ride back in one answer. */
const maxSpansInAnswer = 256;

/** Answers requests of a contract: validates both ways, opens the server span, turns errors into answers. */
export function createDispatch<C extends Record<string, Method>>(deps: DispatchDeps<C>) {
  const byName = new Map<string, [keyof C, Method]>(
    Object.entries(deps.contract).map(([key, method]) => [method.name, [key, method]]),
  );

  return async function dispatch(
    frame: Record<string, unknown>,
    context: Omit<RequestContext, "opId" | "asked">,
  ): Promise<ResponseFrame> {
    if (deps.carrier === undefined || frame["op_id"] === undefined) return respond(frame, context);
    const { answer, records, left } = await deps.carrier.collect(() => respond(frame, context));
    return {
      ...answer,
      ...(records.length === 0 ? {} : { records }),
      ...(left === 0 ? {} : { records_left: left }),
    };
  };

  async function respond(
    frame: Record<string, unknown>,
    context: Omit<RequestContext, "opId" | "asked">,
  ): Promise<ResponseFrame> {
    const startedAt = new Date();
    const began = performance.now();
    const id = requestId(frame) ?? null;
    const spans: SpanRecord[] = [];
    const sink: SpanSink = deps.keepSpans ?? ((span) => void (spans.length < maxSpansInAnswer && spans.push(span)));
    let opId = newOpId();
    let traced = true;
    let badTraceparent = false;
    let vmId: string | undefined;
    let error: BangerError | undefined;
    let result: unknown;
    const method = typeof frame["method"] === "string" ? frame["method"].slice(0, 80) : "?";
    /** Runs `work`, says how it went, and turns whatever it throws into an error of the table. */
    const answering = async <T>(work: () => Promise<T>): Promise<T> => {
      const outcome = () => ({
        method,
        opId,
        traced,
        durationMs: performance.now() - began,
        startedAt,
        peer: context.peer,
        badTraceparent,
        vmId,
      });
      try {
        const answer = await work();
        deps.onAnswered?.(outcome());
        return answer;
      } catch (thrown) {
        const failure = asBangerError(thrown, context.signal).inOperation(operationName(method)).withOpId(opId);
        if (!mayAnswer(byName.get(method)?.[1], failure.code)) {
          deps.log.error({ op_id: opId, method, code: failure.code }, "answered a code that the declaration lacks");
        }
        if (failure.code === "internal") deps.log.error({ op_id: opId, err: thrown }, "request failed by a bug");
        deps.onAnswered?.({ ...outcome(), error: failure });
        throw failure;
      }
    };
    try {
      const begun = await beforeSpan(() => {
        const identity = identify(frame, deps.log);
        opId = identity.opId;
        badTraceparent = identity.badTraceparent;
        return { identity, declared: resolve(frame, byName) };
      }, answering);
      const [key, declared] = begun.declared;
      traced = declared.traced;
      const run = async () => {
        const params = checkParams(declared, frame["params"] ?? {});
        vmId = vmIdIn(params);
        if (vmId !== undefined) deps.spans.about(vmId);
        return checkResult(
          declared,
          await deps.handlers[key]?.(params as never, { ...context, opId, asked: { params } }),
        );
      };
      result = traced
        ? await deps.spans.operation(
            declared.name,
            { opId, parent: begun.identity.parent, kind: "server", sink, attributes: rpcAttributes(declared) },
            () => {
              deps.onStarted?.(declared);
              return answering(run);
            },
          )
        : await answering(run);
    } catch (thrown) {
      error = asBangerError(thrown, context.signal).withOpId(opId);
    }
    return {
      id,
      ...(error === undefined ? { result } : { error: wireError(error, opId) }),
      ...(spans.length === 0 ? {} : { spans }),
    };
  }
}

/** The longest id that a request may have; it comes back in each frame of the answer. */
const maxIdLength = 64;

/** The id of a frame; undefined when it has none that could be answered. */
export function requestId(frame: Record<string, unknown>): string | undefined {
  const id = frame["id"];
  return typeof id === "string" && id.length <= maxIdLength ? id : undefined;
}

/** Codes that every method may answer: those of the wire, of the request itself, of a host that fails, and of a bug. */
const common: ReadonlySet<ErrorCode> = new Set([
  "bad_frame",
  "frame_too_large",
  "bad_version",
  "unknown_method",
  "bad_params",
  "op_id_reused",
  "cancelled",
  "deadline_exceeded",
  "no_space",
  "host_failed",
  "internal",
]);

function mayAnswer(method: Method | undefined, code: ErrorCode): boolean {
  return common.has(code) || method === undefined || method.errors.includes(code);
}

/** What can fail before there is a span; only a failure is an answer already. */
async function beforeSpan<T>(read: () => T, answering: (work: () => Promise<never>) => Promise<never>): Promise<T> {
  try {
    return read();
  } catch (thrown) {
    return answering(() => Promise.reject(thrown as Error));
  }
}

/** The answer to a frame that never became a request. */
export function refusal(error: unknown, id: string | null = null): ResponseFrame {
  const opId = newOpId();
  const known =
    error instanceof BangerError ? error : new BangerError("internal", "the frame could not be read", { cause: error });
  return { id, error: wireError(known.withOpId(opId), opId) };
}

interface Identity {
  readonly opId: OpId;
  readonly parent: Traceparent | undefined;
  readonly badTraceparent: boolean;
}

function identify(frame: Record<string, unknown>, log: Logger): Identity {
  const given = frame["op_id"];
  if (given !== undefined && !isOpId(given)) {
    throw new BangerError("bad_params", "op_id: must be `op-` and 32 lowercase hex digits, not all zero");
  }
  const parent = parseTraceparent(frame["traceparent"]);
  const badTraceparent = frame["traceparent"] !== undefined && parent === undefined;
  if (badTraceparent) log.warn("ill-formed traceparent ignored");
  if (given !== undefined && parent !== undefined && opIdOfTrace(parent.traceId) !== given) {
    throw new BangerError("bad_params", "op_id and traceparent name different traces", { opId: given });
  }
  return { opId: given ?? newOpId(), parent, badTraceparent };
}

function resolve<K>(frame: Record<string, unknown>, byName: Map<string, [K, Method]>): [K, Method] {
  const version = frame["v"] ?? wireVersion;
  if (version !== wireVersion) {
    throw new BangerError("bad_version", `wire version ${shown(version)} is not spoken here; ${wireVersion} is`);
  }
  if (requestId(frame) === undefined)
    throw new BangerError("bad_frame", `id: must be a string of at most ${maxIdLength} characters`);
  const found = typeof frame["method"] === "string" ? byName.get(frame["method"]) : undefined;
  if (found === undefined) throw new BangerError("unknown_method", `no method ${shown(frame["method"])}`);
  return found;
}

/** A peer's value as a message may have it; one that is no plain value by its kind, since writing it out may never end. */
function shown(value: unknown): string {
  if (typeof value === "object" && value !== null) return "(an object)";
  return JSON.stringify(typeof value === "string" ? value.slice(0, 80) : value) ?? "(none)";
}

/** The VM that parameters name by its id, as the helper's do. */
function vmIdIn(params: unknown): string | undefined {
  const { vm_id: vmId } = params as { vm_id?: unknown };
  return typeof vmId === "string" ? vmId : undefined;
}

/** Any thrown value as an error of the table; what a cancelled request throws is `cancelled` or `deadline_exceeded`. */
function asBangerError(thrown: unknown, signal: AbortSignal): BangerError {
  if (thrown instanceof BangerError) return thrown;
  if (signal.aborted && signal.reason instanceof BangerError) return signal.reason;
  const trouble = hostTroubleOf(thrown);
  if (trouble !== undefined) return trouble;
  return new BangerError("internal", thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown });
}

function wireError(error: BangerError, opId: OpId): WireError {
  return {
    code: error.code,
    message: error.plain,
    op_id: error.opId ?? opId,
    ...(error.details === undefined ? {} : { details: error.details }),
  };
}

function rpcAttributes(method: Method): Record<string, string> {
  return { [attribute.rpcSystem]: "banger", [attribute.rpcMethod]: method.name };
}
