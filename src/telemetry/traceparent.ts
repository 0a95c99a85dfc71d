/** The remote parent of a span, as W3C Trace Context names it. */
export interface Traceparent {
  /** 32 lowercase hex digits, not all zero. */
  readonly traceId: string;
  /** 16 lowercase hex digits, not all zero. */
  readonly spanId: string;
  /** Whether the caller recorded its trace; never makes banger drop one. */
  readonly sampled: boolean;
}

const pattern = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-(0[01])$/;

/**
 * Reads a `traceparent` strictly: 55 characters, version 00, flags 00 or 01, nothing else. Undefined for anything that differs,
 * since the W3C propagator's own leniency would hand malformed values on to the helper.
 */
export function parseTraceparent(text: unknown): Traceparent | undefined {
  const match = typeof text === "string" && text.length === 55 ? pattern.exec(text) : null;
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  return { traceId: match[1], spanId: match[2], sampled: match[3] === "01" };
}

/** Writes a `traceparent` of version 00. */
export function formatTraceparent(parent: Traceparent): string {
  return `00-${parent.traceId}-${parent.spanId}-${parent.sampled ? "01" : "00"}`;
}
