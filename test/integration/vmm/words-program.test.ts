import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";

const most = 4_096;
let directory: string;
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), "banger-words-"))));
afterEach(() => rmSync(directory, { recursive: true }));

/** What is kept of words. */
function kept(said: string): string {
  const path = join(directory, "log");
  const file = openSync(path, "w");
  execFileSync("dist/vmm-words", [String(most)], { input: said, stdio: ["pipe", file, "ignore"] });
  closeSync(file);
  return readFileSync(path, "utf8");
}

const lines = (count: number) => Array.from({ length: count }, (_, line) => `line ${line}\n`).join("");

it.each([
  ["nothing", ""],
  ["a word", "no room"],
  ["as much as is kept", "x".repeat(most - 1)],
])("of %s all is kept", (_, said) => {
  expect(kept(said)).toBe(said);
});

it.each([most, most + 1, 3 * most, 1_000_003])(
  "of %i bytes beginning and end are kept, and what lay between is marked",
  (bytes) => {
    const said = lines(bytes / 7).slice(-bytes);
    const [beginning = "", end = ""] = kept(said).split("\n[...]\n");
    expect(beginning).toBe(said.slice(0, most / 2));
    expect(said.endsWith(end)).toBe(true);
    expect(end.length).toBeGreaterThanOrEqual(most / 4);
    expect(beginning.length + end.length).toBeLessThanOrEqual(most);
  },
);
