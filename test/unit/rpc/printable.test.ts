import { expect, it } from "vitest";
import { printable, printableLine } from "../../../src/rpc/printable.ts";

it.each([
  ["plain text, tabs and lines", "a\tb\nc", "a\tb\nc"],
  ["colours", "\u001b[31mred\u001b[0m", "red"],
  ["a title", "\u001b]0;owned\u0007text", "text"],
  ["an escape without an end", "a\u001b[", "a["],
  ["a carriage return", "a\r\nb\rc", "a\nb\nc"],
  ["controls of C1 and a bell", "a\u009b2Jb\u0007", "a2Jb"],
  ["the direction of writing", "a\u202eb\u2066c", "abc"],
  ["other scripts", "größe 日本", "größe 日本"],
])("what a guest writes is shown without what moves the cursor: %s", (_, raw, shown) => {
  expect(printable(raw)).toBe(shown);
});

it.each([
  ["a line's end", "one\r\n  two\n", "one | two"],
  ["an indent", "  --flag\tx ", "  --flag x"],
  ["empty lines first", " \n\n x", " x"],
])("a line of another's keeps what is of it and no more: %s", (_, raw, shown) => {
  expect(printableLine(raw, " | ")).toBe(shown);
});
