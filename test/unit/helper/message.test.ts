import { expect, it } from "vitest";
import {
  decodeAttributes,
  decodeMessages,
  encodeMessage,
  fromText,
  text,
  u32,
} from "../../../src/helper/netlink/message.ts";

it("a message is read as it was written, also one whose attributes need padding", () => {
  const fixed = Buffer.from([1, 2, 3, 4]);
  const bytes = encodeMessage({ type: 16, flags: 5, seq: 7 }, fixed, [
    [3, text("ab")],
    [18, [[1, text("bridge")]]],
    [10, u32(0x01020304)],
  ]);
  const [message, ...more] = decodeMessages(Buffer.concat([bytes, bytes]));
  expect(more).toHaveLength(1);
  expect(message).toMatchObject({ type: 16, flags: 5, seq: 7 });
  const attributes = decodeAttributes(message?.payload.subarray(4) ?? Buffer.alloc(0));
  expect(fromText(attributes.get(3))).toBe("ab");
  expect(fromText(decodeAttributes(attributes.get(18) ?? Buffer.alloc(0)).get(1))).toBe("bridge");
  expect(attributes.get(10)?.readUInt32LE()).toBe(0x01020304);
});

it.each([
  ["nothing", ""],
  ["half a header", "1000000010"],
  ["a length of nothing", "00000000100000000000000000000000"],
  ["a length beyond the end", "ff000000100000000000000000000000"],
])("%s holds no message", (_, hex) => {
  expect(decodeMessages(Buffer.from(hex, "hex"))).toEqual([]);
});

it.each([
  ["half a header", "0800"],
  ["a length of nothing", "00000100"],
  ["a length beyond the end", "ff00010061626364"],
])("%s holds no attribute", (_, hex) => {
  expect(decodeAttributes(Buffer.from(hex, "hex")).size).toBe(0);
});
