import { expect, it } from "vitest";
import { age, duration, size } from "../../../src/cli/output/units.ts";

it.each([
  [0, "0.0 ms"],
  [0.44, "0.4 ms"],
  [9.94, "9.9 ms"],
  [9.96, "10 ms"],
  [999.4, "999 ms"],
  [999.6, "1.00 s"],
  [59_994, "59.99 s"],
  [59_996, "1 min 0 s"],
  [119_700, "2 min 0 s"],
  [185_000, "3 min 5 s"],
  [3_599_600, "1 h 0 min"],
  [360_000_000, "100 h 0 min"],
])("%d ms are %s", (ms, expected) => {
  expect(duration(ms)).toBe(expected);
});

it.each([
  [0, "0 B"],
  [1023, "1023 B"],
  [1024, "1.0 KiB"],
  [1_048_575, "1.0 MiB"],
  [1_073_741_824, "1.0 GiB"],
  [2 ** 60, "1048576 TiB"],
])("%d bytes are %s", (bytes, expected) => {
  expect(size(bytes)).toBe(expected);
});

it.each([
  ["2026-01-01T00:00:00Z", "0 s ago"],
  ["2025-12-31T23:59:01Z", "59 s ago"],
  ["2025-12-31T23:00:00Z", "1 h ago"],
  ["2026-01-02T00:00:00Z", "0 s ago"],
  ["2025-11-01T00:00:00Z", "61 d ago"],
])("%s is %s", (instant, expected) => {
  expect(age(instant, Date.parse("2026-01-01T00:00:00Z"))).toBe(expected);
});
