import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { BangerError } from "../../../src/rpc/contract/errors.ts";
import type { SpanRecord } from "../../../src/telemetry/span-record.ts";
import { Spans } from "../../../src/telemetry/spans.ts";
import { startTracer } from "../../../src/telemetry/tracer.ts";

const kept: SpanRecord[] = [];
const spans = new Spans(startTracer("test", (span) => kept.push(span)));
const missing = () => readFileSync("/nowhere/console.log");
const wrapped = (error: BangerError) => () => {
  throw new BangerError("guest_died", "outer", { cause: error });
};

it.each<[string, () => unknown, string | undefined]>([
  ["the file that a system call failed on", missing, "/nowhere/console.log"],
  [
    "the file that an error names, behind others",
    wrapped(new BangerError("guest_died", "x", { details: { path: "/run/qmp.sock" } })),
    "/run/qmp.sock",
  ],
  [
    "the error's own, rather than what it came of",
    wrapped(new BangerError("guest_died", "x", { cause: { path: "/proc/self/fd/3" }, details: { path: "/run/a" } })),
    "/run/a",
  ],
  ["no descriptor", wrapped(new BangerError("guest_died", "x", { cause: { path: "/proc/self/fd/3/q" } })), undefined],
  ["nothing where no file failed", wrapped(new BangerError("guest_died", "x")), undefined],
])("a span that failed says %s", async (_, work, file) => {
  await expect(spans.operation("op", {}, async () => work())).rejects.toThrow();
  expect(kept.at(-1)?.attributes["file.path"]).toBe(file);
});
