import { BangerError } from "../rpc/contract/errors.ts";
import { attribute, services } from "../telemetry/names.ts";
import { newOpId, type OpId } from "../telemetry/op-id.ts";
import type { SpanRecord, SpanSink } from "../telemetry/span-record.ts";
import { Spans } from "../telemetry/spans.ts";
import { startTracer } from "../telemetry/tracer.ts";
import { parseForeignTraceparent } from "../telemetry/traceparent.ts";
import { DaemonConnection } from "./daemon-connection.ts";
import { ReaderLeft } from "./output/standard-streams.ts";
import { runLocal } from "./local.ts";
import { OwnRecords } from "./own-records.ts";
import { type Asked, runOn, type Session } from "./session.ts";
import { version } from "../version.ts";
import { leaveUnsent } from "./unsent.ts";
import { ofThis } from "./usage.ts";

/** What opens this process's spans; made once. Each operation collects its own. */
export function startSpans(): Spans {
  return new Spans(startTracer(services.cli, () => undefined, version));
}

/** Runs a command as one operation: its spans are this process's until they are handed to the daemon at the end. */
export async function runOperation(session: Session, spans: Spans): Promise<number> {
  const finished: SpanRecord[] = [];
  const opId = newOpId();
  const records = new OwnRecords(`banger ${session.invocation.command.noun} ${session.invocation.command.verb}`);
  let connection: DaemonConnection | undefined;
  let failure: unknown;
  const { local } = session.invocation.command;
  try {
    const operation = { opId, records, sink: (span: SpanRecord) => void finished.push(span) };
    return await inRootSpan(spans, operation, session, async () => {
      if (local !== undefined) return runLocal(session, { spans, opId });
      const asked = await DaemonConnection.open(session.config, spans).catch((error: unknown) =>
        nobody(session, error),
      );
      if (asked instanceof DaemonConnection) connection = asked;
      return runOn(asked, session, opId);
    });
  } catch (error) {
    failure = error;
    throw error;
  } finally {
    const owners = local === undefined ? undefined : await import("./system/owner-daemon.ts");
    connection ??= await owners?.connectAsOwner(session.config).catch(() => undefined);
    const handedOver = (await connection?.close(finished, records.all)) ?? false;
    const leave = () => leaveUnsent(session, { opId, spans: finished, failure });
    // What root did is the owner's to see: the daemon listens to him alone, and takes what he left.
    if (!handedOver && owners === undefined) leave();
    else if (!handedOver) {
      owners?.asOwnerOf(session.config, leave);
      (await import("./system/to-journal.ts")).toJournal(records.all);
    }
  }
}

/** Who is asked where no daemon is there, by a command that says something without one. */
function nobody({ invocation: { command } }: Session, error: unknown): Asked {
  if (command.withoutDaemon !== true) throw error;
  const fail = () => Promise.reject(error as Error);
  return { call: fail, begin: fail };
}

/** Runs `work` in the outermost span of a new trace, which only links to the one that the environment names. */
async function inRootSpan(
  spans: Spans,
  { records, ...operation }: { readonly opId: OpId; readonly sink: SpanSink; readonly records: OwnRecords },
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
    records.started();
    try {
      const exitCode = await work();
      records.completed(exitCode);
      log?.info({ operation: name, exit_code: exitCode }, "operation completed");
      return exitCode;
    } catch (error) {
      if (error instanceof ReaderLeft) {
        records.completed(0);
        return 0;
      }
      records.failed(error);
      log?.warn({ operation: name, err: error }, "operation failed");
      throw error instanceof BangerError ? ofThis(error, command).withOpId(operation.opId) : error;
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
