import { expect, it } from "vitest";
import { bytesOfText, textOfBytes } from "../../../src/rpc/byte-text.ts";

it.each([
  ["", ""],
  ["616263", "abc"],
  ["c3a9e282acf09f9880", "é€😀"],
  ["ff", "\udcff"],
  ["61ff62", "a\udcff b".replace(" ", "")],
  ["e282", "\udce2\udc82"],
  ["e28261", "\udce2\udc82a"],
  ["c0af", "\udcc0\udcaf"],
  ["eda080", "\udced\udca0\udc80"],
  ["f4908080", "\udcf4\udc90\udc80\udc80"],
  ["efbfbd", "\ufffd"],
  ["00", "\0"],
])("%s is %j, and back, through JSON", (hex, text) => {
  const bytes = Buffer.from(hex, "hex");
  expect(textOfBytes(bytes)).toBe(text);
  expect(bytesOfText(JSON.parse(JSON.stringify(text)) as string).toString("hex")).toBe(hex);
});

it("any bytes come back", () => {
  for (let seed = 1; seed < 500; seed++) {
    const bytes = Buffer.from(
      Array.from({ length: seed % 40 }, (_, n) => (seed * 7919 + n * n * 104_729 + n * 31) & 0xff),
    );
    expect(bytesOfText(textOfBytes(bytes))).toEqual(bytes);
  }
});

it("half a pair that is no escape is what Node makes of it", () => {
  expect(bytesOfText("\ud800x").toString()).toBe("\ufffdx");
});
