/** The remote parent of a span, as W3C Trace Context names it. */
export interface Traceparent {
  /** 32 lowercase hex digits, not all zero. */
  readonly traceId: string;
  /** 16 lowercase hex digits, not all zero. */
  readonly spanId: string;
  /** Whether the caller recorded its trace; never makes banger drop one. */
  readonly sampled: boolean;
}

const ids = "(?!0{32})(?<traceId>[0-9a-f]{32})-(?!0{16})(?<spanId>[0-9a-f]{16})";
const own = new RegExp(`^00-${ids}-(?<flags>0[01])$`);
/** Version 00 ends after its flags; a later one may go on behind a dash. Version ff is none. */
const foreign = new RegExp(`^(?!ff)[0-9a-f]{2}-${ids}-(?<flags>[0-9a-f]{2})(?:-.*)?$`);
/** A caller's environment may hold anything; what is longer is not looked at. */
const maxForeign = 512;

/**
 * Reads a `traceparent` strictly: 55 characters, version 00, flags 00 or 01, nothing else. Undefined for anything that differs,
 * since the W3C propagator's own leniency would hand malformed values on to the helper.
 */
export function parseTraceparent(text: unknown): Traceparent | undefined {
  return typeof text === "string" && text.length === 55 ? read(own, text) : undefined;
}

/**
 * Reads the `traceparent` that another program left in the environment, as W3C Trace Context level 2 has it: of the flags bit 0
 * counts, of a later version the part that is known. It is never passed on: the trace is only linked to.
 */
export function parseForeignTraceparent(text: string | undefined): Traceparent | undefined {
  if (text === undefined || text.length > maxForeign) return undefined;
  return text.startsWith("00-") && text.length !== 55 ? undefined : read(foreign, text);
}

/** Writes a `traceparent` of version 00. */
export function formatTraceparent(parent: Traceparent): string {
  return `00-${parent.traceId}-${parent.spanId}-${parent.sampled ? "01" : "00"}`;
}

function read(pattern: RegExp, text: string): Traceparent | undefined {
  const { traceId, spanId, flags } = pattern.exec(text)?.groups ?? {};
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}
