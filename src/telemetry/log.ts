import { type DestinationStream, pino } from "pino";
import { activeVm } from "./context.ts";
import type { Drops } from "./dropped-record.ts";
import { logsEndpoint } from "./export-target.ts";
import { logExport, type LogExportDeps } from "./log-export.ts";
import type { LogFields } from "./log-fields.ts";
import { logLevel } from "./log-level.ts";
import { attribute } from "./names.ts";
import { activeIds } from "./spans.ts";

/** Takes lines. */
export type { DestinationStream };

/** A destination that is several. */
export function toAll(...destinations: readonly DestinationStream[]): DestinationStream {
  return {
    write: (line) => {
      for (const destination of destinations) destination.write(line);
    },
  };
}

/** Writes one record: with fields that are declared, or without. */
export interface WriteRecord {
  (fields: LogFields, message: string): void;
  (message: string): void;
}

/** A structured logger; every record of an operation carries its ids, and the VM's that it is about. */
export interface Logger extends Record<"debug" | "info" | "warn" | "error", WriteRecord> {
  /** One whose records all have these fields too. */
  child(fields: LogFields): Logger;
}

/** The collector that records go to as well; undefined where none for logs is configured, or what is configured makes no sense, which is said in `own`. */
export function logCollector(
  env: NodeJS.ProcessEnv,
  own: DestinationStream,
  resource: LogExportDeps["resource"],
): (DestinationStream & Drops) | undefined {
  const complain = (error: unknown) =>
    own.write(`${JSON.stringify({ level: "warn", message: `logs are not exported: ${String(error)}` })}\n`);
  const dropped = (lost: number) =>
    own.write(
      `${JSON.stringify({ level: "warn", message: "log records were not exported: too many at once", lost })}\n`,
    );
  try {
    return logsEndpoint(env) === undefined ? undefined : logExport({ env, resource, complain, dropped });
  } catch (error) {
    complain(error);
    return undefined;
  }
}

/** The logger of a process: one JSON object a line. */
export function createLogger(service: string, destination: DestinationStream): Logger {
  return pino(
    {
      base: { service, pid: process.pid },
      level: logLevel(process.env),
      messageKey: "message",
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      mixin: (_fields, _level, logger) => {
        const ids = activeIds();
        if (ids === undefined) return {};
        const vm = "banger.vm.id" in logger.bindings() ? undefined : activeVm();
        return {
          op_id: ids.opId,
          trace_id: ids.traceId,
          span_id: ids.spanId,
          trace_flags: "01",
          ...(vm === undefined ? {} : { [attribute.vmId]: vm }),
        };
      },
    },
    destination,
  ) as Logger;
}
