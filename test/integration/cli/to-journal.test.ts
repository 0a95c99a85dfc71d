import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { toJournal } from "../../../src/cli/system/to-journal.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "banger-journal-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const records = ["one", "two"].map((message) => ({ level: "info", time: "2026-03-01T10:00:00.000Z", message }));
const asRoot = it.runIf(process.getuid?.() === 0);

/** A logger(1) that writes down which messages it was given, then does `more`. */
function logger(more = ""): { program: string; given: () => string[] } {
  const [program, file] = [join(directory, "logger"), join(directory, "given")];
  writeFileSync(program, `#!/bin/sh\n/usr/bin/sed -n 's/.*"message":"\\([a-z]*\\)".*/\\1/p' >> ${file}\n${more}\n`, {
    mode: 0o755,
  });
  return { program, given: () => readFileSync(file, "utf8").trim().split("\n") };
}

asRoot("each record is given to logger", () => {
  const { program, given } = logger();
  toJournal(records, program);
  expect(given()).toEqual(["one", "two"]);
});

asRoot("a journald that hangs holds nobody up but once, and not for long", () => {
  const { program, given } = logger("exec /bin/sleep 60");
  const began = performance.now();
  toJournal(records, program);
  expect(performance.now() - began).toBeLessThan(10_000);
  expect(given()).toEqual(["one"]);
});
