import { closeSync, constants, fstatSync, openSync, readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { acceptSpans } from "../../rpc/foreign-spans.ts";
import type { Logger } from "../../telemetry/log.ts";
import { services } from "../../telemetry/names.ts";
import { isOpId, opIdOfTrace } from "../../telemetry/op-id.ts";
import type { SpanSink } from "../../telemetry/span-record.ts";

/** What taking in needs. */
export interface UnsentDeps {
  /** `unsent` of the layout. */
  readonly directory: string;
  readonly keep: SpanSink;
  readonly log: Logger;
}

/** As src/cli/unsent.ts bounds it; what is larger or more was written by something else. */
const maxFiles = 20;
const maxBytes = 64 * 1024;

/** One operation that the CLI could not hand over. */
const unsent = z.object({
  op_id: z.string().refine(isOpId),
  operation: z.string().max(128),
  /** When it began; a CLI that is older says only when it ended. */
  began: z.iso.datetime().optional(),
  /** When it ended. */
  at: z.iso.datetime(),
  /** Why it failed, when it did. */
  code: z.string().max(64).optional(),
  reason: z.string().max(1_000).optional(),
  spans: z.array(z.unknown()),
});

const fromCli = acceptSpans(services.cli);

/** Takes in what the CLI left while no daemon was there, or none that answered: its spans are kept, a line is logged for each operation, the directory goes. */
export function takeUnsent({ directory, keep, log }: UnsentDeps): void {
  const names = namesIn(directory);
  if (names === undefined) return;
  for (const name of names.slice(0, maxFiles)) {
    const path = join(directory, name);
    try {
      const { spans, ...operation } = unsent.parse(JSON.parse(read(path)));
      const own = fromCli(spans).filter((span) => opIdOfTrace(span.trace_id) === operation.op_id);
      for (const span of own) keep(span);
      log.warn({ ...operation, spans: own.length }, "an operation that the CLI could not hand over");
    } catch (error) {
      log.warn({ err: error, file: name.slice(0, 80) }, "what the CLI left could not be read");
    }
    rmSync(path, { recursive: true, force: true });
  }
  try {
    rmdirSync(directory);
  } catch {
    // A CLI leaves something just now; the next answer takes it.
  }
}

/** What is whole: a name with a dot is still being written. Undefined where there is no directory: the CLI makes it. */
function namesIn(directory: string): string[] | undefined {
  try {
    return readdirSync(directory)
      .filter((name) => !name.startsWith("."))
      .toSorted();
  } catch {
    return undefined;
  }
}

function read(path: string): string {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const facts = fstatSync(fd);
    if (!facts.isFile() || facts.size > maxBytes) throw new Error(`no file of at most ${maxBytes} bytes`);
    return readFileSync(fd, "utf8");
  } finally {
    closeSync(fd);
  }
}
