import { randomHex } from "./random.ts";

/** The id of one operation: `op-` and the 32 lowercase hex digits of its trace id. */
export type OpId = `op-${string}`;

const pattern = /^op-(?!0{32}$)[0-9a-f]{32}$/;

/** A fresh id, from the system's cryptographic randomness. */
export function newOpId(): OpId {
  const traceId = randomHex(16);
  return /^0+$/.test(traceId) ? newOpId() : `op-${traceId}`;
}

/** True for a well-formed id; the all-zero one is not. */
export function isOpId(text: unknown): text is OpId {
  return typeof text === "string" && pattern.test(text);
}

/** The operation that a trace belongs to. */
export function opIdOfTrace(traceId: string): OpId {
  return `op-${traceId}`;
}

/** The trace that an operation is. */
export function traceIdOf(opId: OpId): string {
  return opId.slice(3);
}
