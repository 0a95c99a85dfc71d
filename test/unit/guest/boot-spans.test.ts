import { describe, expect, it } from "vitest";
import { bootSpans } from "../../../src/daemon/guest/boot-spans.ts";
import { readTimeline } from "../../../src/daemon/guest/timeline.ts";

const stage = (name: string, begin: bigint, end: bigint) => {
  const bytes = Buffer.alloc(1 + name.length + 16);
  bytes.writeUInt8(name.length);
  bytes.write(name, 1, "latin1");
  bytes.writeBigUInt64LE(begin, 1 + name.length);
  bytes.writeBigUInt64LE(end, 9 + name.length);
  return bytes;
};

describe("a guest's timeline", () => {
  it("is read as far as it makes sense", () => {
    const whole = Buffer.concat([stage("kernel", 0n, 5n), stage("ready", 5n, 9n)]);
    expect(readTimeline(whole)).toEqual([
      { name: "kernel", beginNs: 0n, endNs: 5n },
      { name: "ready", beginNs: 5n, endNs: 9n },
    ]);
    for (let length = 0; length < whole.length; length++)
      expect(readTimeline(whole.subarray(0, length)).length).toBeLessThan(2);
    expect(readTimeline(stage("a\u001b[2J", 0n, 1n))).toEqual([]);
    expect(readTimeline(Buffer.concat(Array.from({ length: 100 }, () => stage("x", 0n, 1n))))).toHaveLength(32);
  });

  it("becomes spans on the host's clock, kept within the time in which they can have been", () => {
    const anchor = { hostNs: 10_000n, guestNs: 1_000n, uncertaintyNs: 1n };
    const within = { from: 9_100n, to: 10_500n };
    const timeline = [
      { name: "kernel", beginNs: 0n, endNs: 400n },
      { name: "init", beginNs: 400n, endNs: 99_999n },
      { name: "init", beginNs: 400n, endNs: 500n },
      { name: "mining", beginNs: 400n, endNs: 500n },
      { name: "ready", beginNs: 500n, endNs: 499n },
    ];
    expect(bootSpans(timeline, anchor, within)).toEqual([
      { name: "boot.kernel", startNs: 9_100n, endNs: 9_400n },
      { name: "boot.init", startNs: 9_400n, endNs: 10_500n },
    ]);
  });
});
