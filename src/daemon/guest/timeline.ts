/** One stage of a guest's boot, in nanoseconds of the guest's CLOCK_BOOTTIME. */
export interface Stage {
  readonly name: string;
  readonly beginNs: bigint;
  readonly endNs: bigint;
}

/** Where the guest's clock lies on the host's: the two instants are the same, give or take the uncertainty. */
export interface ClockAnchor {
  /** Unix time, nanoseconds. */
  readonly hostNs: bigint;
  readonly guestNs: bigint;
  readonly uncertaintyNs: bigint;
}

const maxStages = 32;
const nameBytes = 32;

/** Reads the payload of TIMELINE as far as it makes sense; the guest may send anything. */
export function readTimeline(payload: Buffer): Stage[] {
  const stages: Stage[] = [];
  let at = 0;
  while (at < payload.length && stages.length < maxStages) {
    const length = payload.readUInt8(at);
    if (length === 0 || length > nameBytes || at + 1 + length + 16 > payload.length) break;
    const name = payload.toString("latin1", at + 1, at + 1 + length);
    if (!/^[a-z_]+$/.test(name)) break;
    const beginNs = payload.readBigUInt64LE(at + 1 + length);
    stages.push({ name, beginNs, endNs: payload.readBigUInt64LE(at + 1 + length + 8) });
    at += 1 + length + 16;
  }
  return stages;
}
