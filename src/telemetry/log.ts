import { type DestinationStream, type Logger, pino } from "pino";
import { activeIds } from "./spans.ts";

/** A structured logger; every record of an operation carries its ids. */
export type { Logger };

/** The logger of a process: one JSON object a line, on `destination` or standard output. */
export function createLogger(service: string, destination?: DestinationStream): Logger {
  return pino(
    {
      base: { service, pid: process.pid },
      level: process.env["BANGER_LOG_LEVEL"] ?? "info",
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
    destination ?? pino.destination({ fd: 1, sync: true }),
  );
}
