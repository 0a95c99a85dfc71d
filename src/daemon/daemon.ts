import { readFileSync } from "node:fs";
import { readInstallFile } from "../installation/read-install-file.ts";
import { layoutOf } from "../installation/layout.ts";
import { daemonContract } from "../rpc/contract/daemon.ts";
import { createDispatch, type Outcome } from "../rpc/dispatch.ts";
import { createPeerCredentials } from "../rpc/peer-credentials.ts";
import { listen } from "../rpc/server.ts";
import { startExport } from "../telemetry/export.ts";
import { readSwitches } from "../telemetry/export-settings.ts";
import { createLogger, logDestination, type Logger } from "../telemetry/log.ts";
import { withoutEffect } from "../telemetry/switches.ts";
import { services as serviceNames } from "../telemetry/names.ts";
import { Output } from "../telemetry/output.ts";
import type { SpanRecord } from "../telemetry/span-record.ts";
import { Spans } from "../telemetry/spans.ts";
import { startDaemonSdk } from "../telemetry/daemon-sdk.ts";
import { daemonHandlers } from "./handlers.ts";
import { openDirectories } from "./store/open-directories.ts";
import { openDatabase } from "./store/database.ts";
import { onlyOne } from "./store/only-one.ts";
import { TraceStore } from "./trace/trace-store.ts";
import { takeUnsent } from "./trace/unsent.ts";
import { type Infrastructure, wireServices } from "./wire-services.ts";

/** How a daemon is started. */
export interface DaemonOptions {
  /** The install file's path. */
  readonly config: string;
  /** The directory of the guest's programs. */
  readonly guestPrograms: string;
  readonly env: NodeJS.ProcessEnv;
  readonly preinstalled?: Infrastructure["preinstalled"];
}

/** A daemon that answers. */
export interface RunningDaemon {
  /** Lets requests under way finish, sends what telemetry waits, closes. VMs go on running. */
  close(): Promise<void>;
}

/** When the daemon ends, what outlives its callers has so long to end; the next daemon finds what came of the rest. */
const outliveGraceMs = 5_000;
/** When the daemon ends, a collector that doesn't answer holds it up no longer than this. */
const exportGraceMs = 1_000;

/** Starts the daemon: opens its state, wires its services, listens. */
export async function startDaemon(options: DaemonOptions): Promise<RunningDaemon> {
  const installation = readInstallFile(options.config);
  const exportSettings = readSwitches(options.env);
  const uid = process.getuid?.();
  if (uid !== installation.ownerUid) {
    throw new Error(
      `bangerd runs as the owner (uid ${installation.ownerUid}), not as uid ${uid}; become that user, or correct owner_uid in ${options.config}`,
    );
  }
  const layout = layoutOf(installation);
  openDirectories(installation);

  // Two daemons on one state would each undo what the other begins.
  const alone = onlyOne(layout.daemonLock, "bangerd");
  const database = openDatabase(layout.database);
  const log = createLogger(serviceNames.daemon, logDestination(options.env, new Output(1)));
  // A bug, and written down as one; but it doesn't end every other operation that is under way.
  process.on("unhandledRejection", (reason) => log.error({ err: reason }, "a failure that nobody waited for"));
  const traces = new TraceStore(database, (error, lost) =>
    log.error({ err: error, lost }, error === undefined ? "spans were lost" : "spans can't be written yet"),
  );
  const keep = (span: SpanRecord) => {
    traces.keep(span);
    otlp.sink(span);
  };
  const spans = new Spans(startDaemonSdk(serviceNames.daemon, keep, options.env), keep);
  const otlp = startExport({
    settings: exportSettings,
    service: serviceNames.daemon,
    complain: (error, text) => log.warn({ err: error }, text),
    say: (level, text) => log[level]({ from: "opentelemetry" }, text),
  });
  if (exportSettings.off === undefined) {
    for (const text of withoutEffect(options.env)) log.warn(text);
  }
  takeUnsent({ directory: layout.unsent, keep, log });
  const services = await wireServices({
    installation,
    layout,
    database,
    traces,
    spans,
    log,
    now: () => new Date(),
    bootId: readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim(),
    guestPrograms: options.guestPrograms,
    ...(options.preinstalled === undefined ? {} : { preinstalled: options.preinstalled }),
  });
  const requests = { traced: 0, polls: 0 };
  const server = await listen({
    path: layout.daemonSocket,
    mode: 0o600,
    log,
    peerOf: createPeerCredentials(),
    authorize: (peer) => peer?.uid === installation.ownerUid,
    dispatch: createDispatch({
      contract: daemonContract,
      handlers: daemonHandlers(services, keep, requests, otlp),
      spans,
      log,
      keepSpans: keep,
      onStarted: (method) => log.info({ operation: method.name }, "operation started"),
      onAnswered: (outcome) => {
        requests[outcome.traced ? "traced" : "polls"]++;
        logOutcome(log, outcome);
      },
    }),
  });
  log.info({ socket: layout.daemonSocket }, "daemon ready");
  database.refill().catch((error: unknown) => log.error({ err: error }, "the reserve of the store is not whole"));
  return {
    close: async () => {
      await Promise.all([server.close(), services.operations.settled(outliveGraceMs)]);
      services.close();
      await otlp.close(exportGraceMs);
      traces.close();
      database.close();
      alone[Symbol.dispose]();
    },
  };
}

function logOutcome(log: Logger, { method, opId, traced, durationMs, error, peer }: Outcome): void {
  const fields = { operation: method, op_id: opId, elapsed_ms: Math.round(durationMs * 10) / 10, peer };
  if (error !== undefined) log.warn({ ...fields, code: error.code, reason: error.plain }, "operation failed");
  else if (traced) log.info(fields, "operation completed");
  else log.debug(fields, "operation completed");
}
