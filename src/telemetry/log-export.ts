import { type DestinationStream, pino } from "pino";
import type { Drops } from "./dropped-record.ts";

/** What exporting log records needs. */
export interface LogExportDeps {
  readonly env: NodeJS.ProcessEnv;
  /** What the records are of. */
  readonly resource: Readonly<Record<string, string | number>>;
  readonly complain: (error: unknown) => void;
  /** Told how many records found no room, once there is some again. */
  readonly dropped: (records: number) => void;
}

/** Sends log records to the collector that OTEL_EXPORTER_OTLP_LOGS_ENDPOINT names, from a thread of its own. */
export function logExport({ env, resource, complain, dropped }: LogExportDeps): DestinationStream & Drops {
  // Nobody waits at exit for a collector that doesn't answer: what is on its way then is on standard output too.
  const collector = pino.transport({
    target: "pino-opentelemetry-transport",
    options: { loggerName: "banger", resourceAttributes: resource },
    // What is found out by itself has the command line in it.
    worker: { autoEnd: false, env: { ...env, OTEL_NODE_RESOURCE_DETECTORS: "none" } },
  });
  let full = false;
  let ended = false;
  let lost = 0;
  let all = 0;
  // A thread that has ended says so at each write, and nobody else would hear it.
  collector.on("error", (error) => {
    if (!ended) complain(error);
    ended = true;
  });
  collector.on("drain", () => {
    full = false;
    if (lost > 0) dropped(lost);
    lost = 0;
  });
  // pino says this to a transport that it writes to directly, and the transport waits for it.
  collector.emit("message", {
    code: "PINO_CONFIG",
    config: { levels: pino.levels, messageKey: "message", errorKey: "err" },
  });
  return {
    get dropped() {
      return all;
    },
    write: (line) => {
      // Some 4 MiB wait for the thread; more would wait in this process's memory.
      if (full || ended) {
        lost++;
        all++;
        return;
      }
      const { level, time, ...record } = JSON.parse(line) as { level: string; time: string };
      // The collector's data model has numbers where our lines have words.
      const flags = "trace_flags" in record ? { trace_flags: 1 } : {};
      const forCollector = { ...record, ...flags, level: pino.levels.values[level], time: Date.parse(time) };
      full = !collector.write(`${JSON.stringify(forCollector)}\n`);
    },
  };
}
