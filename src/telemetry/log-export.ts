import { type DestinationStream, pino } from "pino";

/** Sends log records to the collector that OTEL_EXPORTER_OTLP_LOGS_ENDPOINT names, from a thread of its own. */
export function logExport(complain: (error: unknown) => void): DestinationStream {
  // Nobody waits at exit for a collector that doesn't answer: what is on its way then is on standard output too.
  const collector = pino.transport({ target: "pino-opentelemetry-transport", worker: { autoEnd: false } });
  collector.once("error", complain);
  // pino says this to a transport that it writes to directly, and the transport waits for it.
  collector.emit("message", {
    code: "PINO_CONFIG",
    config: { levels: pino.levels, messageKey: "message", errorKey: "err" },
  });
  return {
    write: (line) => {
      const { level, time, ...record } = JSON.parse(line) as { level: string; time: string };
      // The collector's data model has numbers where our lines have words.
      const forCollector = { ...record, level: pino.levels.values[level], time: Date.parse(time) };
      collector.write(`${JSON.stringify(forCollector)}\n`);
    },
  };
}
