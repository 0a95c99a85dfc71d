import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { constants, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, expect, it } from "vitest";

const records = 20_000;
type Line = { message: string; n?: number; dropped?: number; line?: string };

const directory = mkdtempSync(join(tmpdir(), "banger-output-"));
afterAll(() => rmSync(directory, { recursive: true }));

function fifo(): string {
  const path = join(directory, "fifo");
  execFileSync("mkfifo", [path]);
  return path;
}

/** A process that logs so much, more than any pipe holds, to `stdout`. */
function logging(stdout: number | "pipe"): ChildProcess & { heard: (text: string) => Promise<void> } {
  const child = spawn("node", ["test/support/logging.ts", String(records)], { stdio: ["pipe", stdout, "pipe"] });
  if (child.stderr === null) throw new Error("a process without standard error");
  const lines = createInterface({ input: child.stderr });
  const said: string[] = [];
  lines.on("line", (line) => said.push(line));
  const heard = async (text: string) => {
    while (!said.includes(text)) await once(lines, "line");
  };
  return Object.assign(child, { heard });
}

it.each([
  ["a full disk", () => logging(openSync("/dev/full", "w"))],
  [
    "a pipe whose reader left",
    () => {
      const child = logging("pipe");
      child.stdout?.destroy();
      return child;
    },
  ],
  ["a socket that nobody reads", () => logging("pipe")],
  ["a pipe that nobody reads", () => logging(openSync(fifo(), constants.O_RDWR))],
])("a process whose log goes to %s goes on, and ends when it is asked to", async (_, start) => {
  const child = start();
  await child.heard("logged");
  child.stdin?.write("one\n");
  await child.heard("heard one");
  child.stdin?.end();
  expect(await once(child, "exit")).toEqual([0, null]);
});

it("what was dropped is counted, in its place, when the log is read again; no line is torn", async () => {
  const child = logging("pipe");
  await child.heard("logged");
  if (child.stdout === null || child.stdin === null) throw new Error("a process without pipes");
  const lines: Line[] = [];
  const output = createInterface({ input: child.stdout }).on("line", (line) => lines.push(JSON.parse(line) as Line));
  while (!lines.some((line) => line.dropped !== undefined)) await once(output, "line");
  child.stdin.write("one\n");
  while (lines.at(-1)?.line !== "one") await once(output, "line");
  const gap = lines.findIndex((line) => line.dropped !== undefined);
  expect(lines.slice(0, gap).map((line) => line.n)).toEqual(Array.from({ length: gap }, (__, n) => n));
  expect(gap + (lines[gap]?.dropped ?? 0)).toBe(records);
  expect(lines.slice(gap + 1).map((line) => line.message)).toEqual(["asked"]);
  child.stdin.end();
  expect(await once(child, "exit")).toEqual([0, null]);
});
