import { type DestinationStream, type Logger, pino } from "pino";
import { activeIds } from "./spans.ts";

/** A structured logger; every record of an operation carries its ids. */
export type { Logger };

/** Also sends every record to a collector (OTLP over HTTP), in a thread of its own, when one for logs is configured. */
export function logDestination(env: NodeJS.ProcessEnv): DestinationStream {
  const own = pino.destination({ fd: 1, sync: true });
  if (!env["OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"]) return own;
  // Nobody waits at exit for a collector that doesn't answer: what is on its way then is on standard output too.
  const collector = pino.transport({ target: "pino-opentelemetry-transport", worker: { autoEnd: false } });
  collector.on("error", (error: unknown) =>
    own.write(`${JSON.stringify({ level: "warn", message: `logs are not exported: ${String(error)}` })}\n`),
  );
  return pino.multistream([
    { level: "trace", stream: own },
    { level: "trace", stream: collector },
  ]);
}

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
