import { BangerError } from "../rpc/contract/errors.ts";
import { attribute, services } from "../telemetry/names.ts";
import { newOpId, type OpId } from "../telemetry/op-id.ts";
import type { SpanRecord, SpanSink } from "../telemetry/span-record.ts";
import { Spans } from "../telemetry/spans.ts";
import { startTracer } from "../telemetry/tracer.ts";
import { parseForeignTraceparent } from "../telemetry/traceparent.ts";
import { DaemonConnection } from "./daemon-connection.ts";
import { ReaderLeft } from "./output/standard-streams.ts";
import { runOn, type Session } from "./session.ts";
import { leaveUnsent } from "./unsent.ts";

/** What opens this process's spans; made once. Each operation collects its own. */
export function startSpans(): Spans {
  return new Spans(startTracer(services.cli, () => undefined));
}

/** Runs a command as one operation: its spans are this process's until they are handed to the daemon at the end. */
export async function runOperation(session: Session, spans: Spans): Promise<number> {
  const finished: SpanRecord[] = [];
  const opId = newOpId();
  let connection: DaemonConnection | undefined;
  let failure: unknown;
  try {
    return await inRootSpan(spans, { opId, sink: (span) => void finished.push(span) }, session, async () => {
      connection = await DaemonConnection.open(session.config, spans);
      return runOn(connection, session, opId);
    });
  } catch (error) {
    failure = error;
    throw error;
  } finally {
    const handedOver = (await connection?.close(finished)) ?? false;
    if (!handedOver) leaveUnsent(session, { opId, spans: finished, failure });
  }
}

/** Runs `work` in the outermost span of a new trace, which only links to the one that the environment names. */
async function inRootSpan(
  spans: Spans,
  operation: { readonly opId: OpId; readonly sink: SpanSink },
  { invocation: { command } }: Session,
  work: () => Promise<number>,
): Promise<number> {
  const parent = parseForeignTraceparent(process.env["TRACEPARENT"]);
  const name = `banger ${command.noun} ${command.verb}`;
  const options = {
    ...operation,
    attributes: { [attribute.command]: `${command.noun} ${command.verb}` },
    ...(parent === undefined ? {} : { parent }),
  };
  return spans.operation(name, options, async () => {
    const log = await operationLog();
    log?.info({ operation: name }, "operation started");
    try {
      const exitCode = await work();
      log?.info({ operation: name, exit_code: exitCode }, "operation completed");
      return exitCode;
    } catch (error) {
      if (error instanceof ReaderLeft) return 0;
      log?.warn({ operation: name, err: error }, "operation failed");
      throw error instanceof BangerError ? error.withOpId(operation.opId) : error;
    }
  });
}

/** With BANGER_LOG_LEVEL set, this process logs too, as the others do, on standard error. Nothing is loaded otherwise. */
async function operationLog() {
  if ((process.env["BANGER_LOG_LEVEL"] ?? "") === "") return undefined;
  const { createLogger } = await import("../telemetry/log.ts");
  try {
    return createLogger(services.cli, process.stderr);
  } catch (cause) {
    throw new BangerError("usage", (cause as Error).message, { cause });
  }
}
