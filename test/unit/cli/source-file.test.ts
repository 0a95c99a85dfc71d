import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { sourceFile } from "../../../src/cli/source-file.ts";

let directory: string;
beforeAll(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), "banger-source-file-")));
  writeFileSync(join(directory, "vmlinuz"), "x");
  execFileSync("mkfifo", [join(directory, "fifo")]);
});
afterAll(() => rmSync(directory, { recursive: true }));

it.each(["image", "kernel"] as const)("%s import hands over the name of a file that its caller has open", (noun) => {
  const fd = openSync(join(directory, "vmlinuz"), "r");
  try {
    for (const place of ["/dev/fd", "/proc/self/fd"])
      expect(sourceFile(noun, `${place}/${fd}`)).toBe(join(directory, "vmlinuz"));
  } finally {
    closeSync(fd);
  }
  expect(sourceFile(noun, "./a")).toBe(resolve("a"));
});

it.each(["image", "kernel"] as const)("%s import of an address says to fetch it first", (noun) => {
  for (const source of ["https://example.org/a.tar", "ftp://x/y", "file:///tmp/x"]) {
    expect(() => sourceFile(noun, source)).toThrow(`${noun} import: source: ${source} is an address, not a file`);
  }
});

it.each(["image", "kernel"] as const)("%s import of a pipe says to save it first", (noun) => {
  const fd = openSync(join(directory, "fifo"), "r+");
  try {
    expect(() => sourceFile(noun, `/dev/fd/${fd}`)).toThrow(
      new RegExp(`^${noun} import: source: /dev/fd/${fd} is no file`),
    );
  } finally {
    closeSync(fd);
  }
});
