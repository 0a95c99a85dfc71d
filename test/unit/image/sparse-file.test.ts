import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { giveBackHoles, sparseDigest } from "../../../src/daemon/image/sparse-file.ts";

const mib = 1024 * 1024;
const { signal } = new AbortController();
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "banger-sparse-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** A file of so many MiB with `text` at each of the places. */
async function sparse(name: string, size: number, places: readonly number[], text = "x"): Promise<string> {
  const path = join(directory, name);
  const file = await open(path, "w");
  await file.truncate(size * mib);
  for (const place of places) await file.write(text, place);
  await file.close();
  return path;
}

it("a digest is that of the content, however the file lies on the disk", async () => {
  const holes = await sparse("holes", 8, [0, 5 * mib + 123]);
  const whole = join(directory, "whole");
  writeFileSync(whole, readFileSync(holes));
  expect(statSync(whole).blocks).toBeGreaterThan(statSync(holes).blocks);
  expect(await sparseDigest(whole, signal)).toBe(await sparseDigest(holes, signal));
});

it.each<[string, number, number[], string]>([
  ["another byte", 8, [0, 5 * mib], "y"],
  ["another place", 8, [0, 6 * mib], "x"],
  ["another size", 9, [0, 5 * mib], "x"],
])("%s is another digest", async (_, size, places, text) => {
  const one = await sparse("one", 8, [0, 5 * mib]);
  expect(await sparseDigest(await sparse("two", size, places, text), signal)).not.toBe(await sparseDigest(one, signal));
});

it("a digest costs what the file holds: a tebibyte of holes is nothing", async () => {
  expect(await sparseDigest(await sparse("huge", mib, [4096]), signal)).toMatch(/^[0-9a-f]{64}$/);
});

it("blocks that were taken and never written are given back, the data stays", async () => {
  const path = await sparse("taken", 8, [mib]);
  execFileSync("fallocate", ["--length", "8M", path]);
  const before = await sparseDigest(path, signal);
  await giveBackHoles(path);
  expect(statSync(path).blocks * 512).toBeLessThan(mib);
  expect(await sparseDigest(path, signal)).toBe(before);
});
