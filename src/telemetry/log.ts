import { type DestinationStream, type Logger, pino } from "pino";
import { logLevel } from "./log-level.ts";
import { logExport } from "./log-export.ts";
import { activeIds } from "./spans.ts";
import { logsEndpoint } from "./export-target.ts";

/** A structured logger; every record of an operation carries its ids. */
export type { Logger };

/** Where the daemon's records go: its own output, and a collector too when one for logs is configured. */
export function logDestination(env: NodeJS.ProcessEnv, own: DestinationStream): DestinationStream {
  const complain = (error: unknown) =>
    own.write(`${JSON.stringify({ level: "warn", message: `logs are not exported: ${String(error)}` })}\n`);
  try {
    if (logsEndpoint(env) === undefined) return own;
  } catch (error) {
    complain(error);
    return own;
  }
  return pino.multistream([
    { level: "trace", stream: own },
    { level: "trace", stream: logExport(complain) },
  ]);
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
      mixin: () => {
        const ids = activeIds();
        return ids === undefined
          ? {}
          : { op_id: ids.opId, trace_id: ids.traceId, span_id: ids.spanId, trace_flags: "01" };
      },
    },
    destination,
  );
}
