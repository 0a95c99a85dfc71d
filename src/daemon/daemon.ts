import { readFileSync } from "node:fs";
import { readInstallFile } from "../installation/read-install-file.ts";
import { layoutOf } from "../installation/layout.ts";
import { daemonContract } from "../rpc/contract/daemon.ts";
import { createDispatch, type Outcome } from "../rpc/dispatch.ts";
import { createPeerCredentials } from "../rpc/peer-credentials.ts";
import { listen } from "../rpc/server.ts";
import { startExport } from "../telemetry/export.ts";
import { readSwitches } from "../telemetry/export-settings.ts";
import { createLogger, logCollector, type Logger, toAll } from "../telemetry/log.ts";
import { withoutEffect } from "../telemetry/switches.ts";
import { services as serviceNames } from "../telemetry/names.ts";
import { logRoomBytes } from "../telemetry/log-room.ts";
import { ownLog } from "../telemetry/own-log.ts";
import { RotatedLog } from "../telemetry/rotated-log.ts";
import type { SpanRecord } from "../telemetry/span-record.ts";
import { logResource } from "../telemetry/resources.ts";
import { Spans } from "../telemetry/spans.ts";
import { startDaemonSdk } from "../telemetry/daemon-sdk.ts";
import { statfsRoom } from "./disk/room.ts";
import { daemonHandlers } from "./handlers.ts";
import { configPath, ownerHome, ownerStatePath } from "./home/owner-home.ts";
import { ForeignRecords } from "./log/foreign-records.ts";
import { openDirectories } from "./store/open-directories.ts";
import { openDatabase } from "./store/database.ts";
import { onlyOne } from "./store/only-one.ts";
import { TraceStore } from "./trace/trace-store.ts";
import { takeUnsent } from "./trace/unsent.ts";
import type { Infrastructure } from "./infrastructure.ts";
import { version } from "../version.ts";
import { wireServices } from "./wire-services.ts";

/** How a daemon is started. */
export interface DaemonOptions {
  /** The install file's path. */
  readonly config: string;
  /** The directory of the guest's programs. */
  readonly guestPrograms: string;
  /** The program that has a command run in a unit of its own. */
  readonly ownUnit?: string;
  readonly env: NodeJS.ProcessEnv;
  /** The socket that systemd listens on for it. */
  readonly listenFd?: number | undefined;
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

/** What is logged of operations is kept in files of so many bytes. */
const logFileBytes = 4 * 1024 * 1024;

/** Starts the daemon: opens its state, wires its services, listens. */
export async function startDaemon(options: DaemonOptions): Promise<RunningDaemon> {
  const installation = readInstallFile(options.config);
  const exportSettings = readSwitches(options.env);
  const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
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
  const own = ownLog(options.env);
  const kept = new RotatedLog({
    path: layout.log,
    fileBytes: logFileBytes,
    hasRoom: () => statfsRoom(installation.stateDir).free > logRoomBytes,
  });
  const foreign = new ForeignRecords({ own, kept });
  const self = { service: serviceNames.daemon, version, bootId };
  const here = toAll(own, kept);
  const collector = logCollector(options.env, here, logResource(options.env, self));
  const log = createLogger(serviceNames.daemon, collector === undefined ? here : toAll(here, collector));
  // A bug, and written down as one; but it doesn't end every other operation that is under way.
  process.on("unhandledRejection", (reason) => log.error({ err: reason }, "a failure that nobody waited for"));
  const traces = new TraceStore(database, (error, lost) =>
    log.error({ err: error, lost }, error === undefined ? "spans were lost" : "spans can't be written yet"),
  );
  const keep = (span: SpanRecord) => {
    traces.keep(span);
    otlp.sink(span);
  };
  const spans = new Spans(startDaemonSdk(serviceNames.daemon, keep, options.env, version), keep);
  const otlp = startExport({
    settings: exportSettings,
    service: serviceNames.daemon,
    bootId,
    complain: (error, text) => log.warn({ err: error }, text),
    say: (level, text) => log[level]({ from: "opentelemetry" }, text),
  });
  if (exportSettings.off === undefined) {
    for (const text of withoutEffect(options.env)) log.warn(text);
  }
  const unsent = { directory: layout.unsent, keep, log };
  takeUnsent(unsent);
  const services = await wireServices({
    installation,
    layout,
    database,
    traces,
    spans,
    log,
    foreign,
    now: () => new Date(),
    uptimeMs: () => Number(process.hrtime.bigint() / 1_000_000n),
    bootId,
    guestPrograms: options.guestPrograms,
    ownUnit: options.ownUnit,
    configPath: configPath(options.env),
    ownerHome: ownerHome(),
    ownerState: ownerStatePath(options.env, installation.id),
    ...(options.preinstalled === undefined ? {} : { preinstalled: options.preinstalled }),
  });
  const requests = { traced: 0, polls: 0 };
  const server = await listen({
    path: layout.daemonSocket,
    mode: 0o600,
    listenFd: options.listenFd,
    log,
    peerOf: createPeerCredentials(),
    authorize: (peer) => peer?.uid === installation.ownerUid,
    dispatch: createDispatch({
      contract: daemonContract,
      handlers: daemonHandlers(services, { keep, foreign }, requests, {
        otlp,
        logs: { kept, output: own, helper: foreign, collector },
      }),
      spans,
      log,
      keepSpans: keep,
      onStarted: (method) => log.info({ operation: method.name }, "operation started"),
      onAnswered: (outcome) => {
        requests[outcome.traced ? "traced" : "polls"]++;
        logOutcome(log, outcome);
        // While this process was stopped, commands gave it up.
        takeUnsent(unsent);
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
      kept.close();
      database.close();
      alone[Symbol.dispose]();
    },
  };
}

/** The daemon's line for each request: its fields are those of the helper's. */
function logOutcome(log: Logger, { method, opId, traced, durationMs, error, peer }: Outcome): void {
  const duration_ms = Math.round(durationMs * 10) / 10;
  const fields = { operation: method, method, op_id: opId, duration_ms, peer };
  if (error !== undefined) log.warn({ ...fields, ...failureFields(error) }, "operation failed");
  else if (traced) log.info(fields, "operation completed");
  else log.debug(fields, "operation completed");
}

/** An error in a record's fields; what a guest or a VMM said last comes whole, as far as the error has it. */
function failureFields({ code, plain, details }: NonNullable<Outcome["error"]>) {
  const { console, stderr } = details ?? {};
  return {
    code,
    reason: plain,
    ...(typeof console === "string" ? { console } : {}),
    ...(typeof stderr === "string" ? { stderr } : {}),
  };
}
