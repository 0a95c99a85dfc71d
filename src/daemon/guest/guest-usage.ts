/** A guest's memory as its kernel counts it, in bytes. */
export interface GuestMemory {
  readonly totalBytes: number;
  /** What can be had without swapping. */
  readonly availableBytes: number;
}

/** Reads what USED carries behind its token; undefined where its guest doesn't say, or what can't be. */
export function readUsage(payload: Buffer): GuestMemory | undefined {
  const totalBytes = Number(payload.readBigUInt64LE(0));
  const availableBytes = Number(payload.readBigUInt64LE(8));
  if (totalBytes === 0 || !Number.isSafeInteger(totalBytes) || availableBytes > totalBytes) return undefined;
  return { totalBytes, availableBytes };
}
