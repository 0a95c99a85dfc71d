import { describe, expect, it } from "vitest";
import { AgentFrameDecoder, encodeAgentFrame, maxPayload } from "../../../src/daemon/guest/agent-frame.ts";

const frame = (text: string) => ({ session: 7, stream: 3, type: 20, flags: 1, payload: Buffer.from(text) });
const decode = (...chunks: Buffer[]) => {
  const decoder = new AgentFrameDecoder();
  return chunks.flatMap((chunk) => [...decoder.push(chunk)]).map(({ payload }) => payload.toString());
};

describe("frames of the agent", () => {
  it("come out as they went in", () => {
    expect([...new AgentFrameDecoder().push(encodeAgentFrame(frame("hello")))]).toEqual([frame("hello")]);
  });

  it("are found however the bytes are cut", () => {
    const bytes = Buffer.concat([encodeAgentFrame(frame("one")), encodeAgentFrame(frame("two"))]);
    for (let at = 0; at <= bytes.length; at++)
      expect(decode(bytes.subarray(0, at), bytes.subarray(at))).toEqual(["one", "two"]);
    expect(decode(...Array.from(bytes, (byte) => Buffer.from([byte])))).toEqual(["one", "two"]);
  });

  it("are found behind garbage, and behind one whose any bit is wrong", () => {
    const good = encodeAgentFrame(frame("good"));
    expect(decode(Buffer.from("BNGBNG1garbage BN"), good)).toEqual(["good"]);
    const zeros = Buffer.alloc(24 + maxPayload);
    for (let bit = 0; bit < good.length * 8; bit++) {
      const broken = Buffer.from(good);
      broken[bit >> 3] = (broken[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(decode(broken, zeros, good)).toEqual(["good"]);
    }
  });

  it("that claim to be too long cost no memory", () => {
    const liar = encodeAgentFrame(frame("x"));
    liar.writeUInt32LE(0xffff_ffff, 16);
    expect(decode(liar, encodeAgentFrame(frame("next")))).toEqual(["next"]);
  });

  it("can't be made longer than allowed", () => {
    expect(() => encodeAgentFrame(frame("x".repeat(maxPayload + 1)))).toThrow(RangeError);
  });
});
