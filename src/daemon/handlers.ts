import { beginsOf } from "../rpc/contract/beginnings.ts";
import { type daemonContract, declaredContract } from "../rpc/contract/daemon.ts";
import type { Handlers } from "../rpc/dispatch.ts";
import type { Drops } from "../telemetry/dropped-record.ts";
import type { ExportStatus, SpanExport } from "../telemetry/export.ts";
import { version } from "../version.ts";
import { configShown } from "./config/config-shown.ts";
import type { Request } from "./operation/operations.ts";
import type { Replaced } from "./store/database-mark.ts";
import type { Away } from "./helper/helper-link.ts";
import { takeSubmitted, type TakeSubmittedDeps } from "./trace/take-submitted.ts";
import type { Services } from "./wire-services.ts";

/** How many requests were answered; polls are counted because they open no spans. */
export interface RequestCounts {
  traced: number;
  polls: number;
}

/** Who takes what the CLI hands over at its end. */
type Submitted = Pick<TakeSubmittedDeps, "keep" | "foreign">;

/** Where the daemon's spans and records go, as it tells of that. */
export interface TelemetryStatus {
  readonly otlp: Pick<SpanExport, "status">;
  readonly logs: {
    readonly kept: Drops & { readonly untold: number };
    readonly output: Drops;
    readonly helper: Drops;
    /** Undefined where records go to none. */
    readonly collector: Drops | undefined;
  };
}

/** What the daemon answers: one line for each method. */
export function daemonHandlers(
  services: Services,
  submitted: Submitted,
  requests: RequestCounts,
  telemetry: TelemetryStatus,
): Handlers<typeof daemonContract> {
  const declared = declaredHandlers(services, submitted, requests, telemetry);
  return { ...declared, ...beginningHandlers(declared, services) };
}

/** What comes of each method that begins, all by the same three: there is no second way in which anything is done. */
function beginningHandlers(
  declared: Handlers<typeof declaredContract>,
  { operationAccess }: Services,
): Omit<Handlers<typeof daemonContract>, keyof typeof declaredContract> {
  const derived: Record<string, unknown> = {};
  for (const [key, { name: method }] of beginsOf(declaredContract)) {
    const handler = declared[key] as (params: unknown, request: Request) => Promise<unknown>;
    derived[`${key}Begin`] = (params: unknown, request: Request) =>
      operationAccess.begin(request, (detached) => handler(params, detached));
    derived[`${key}Status`] = async (params: { op_id: string }, { peer }: Request) =>
      operationAccess.status({ ...params, method }, peer);
    derived[`${key}Cancel`] = async (params: { op_id: string }, { peer }: Request) =>
      operationAccess.cancel({ ...params, method }, peer);
  }
  return derived as Omit<Handlers<typeof daemonContract>, keyof typeof declaredContract>;
}

function declaredHandlers(
  {
    config,
    named,
    helper,
    network,
    kernels,
    images,
    vms,
    volumes,
    vmms,
    runs,
    waits,
    guests,
    stats,
    doctor,
    reconciler,
    traces,
    operations,
    operationAccess,
    accelerator,
    replaced,
  }: Services,
  submitted: Submitted,
  requests: RequestCounts,
  telemetry: TelemetryStatus,
): Handlers<typeof declaredContract> {
  return {
    ping: async () => {
      const away = await helper.whyAway();
      return {
        version,
        pid: process.pid,
        ...helperStatus(away),
        helper_version: helper.peer?.version ?? null,
        accelerator: (away === undefined ? await accelerator() : undefined) ?? null,
        ...databaseStatus(replaced()),
        requests: { ...requests },
        telemetry: exportStatus(telemetry.otlp.status()),
        logs: logStatus(telemetry.logs),
      };
    },
    networkUp: (_, request) => operations.run("network.up", request, (context) => network.up(context)),
    networkDown: (_, request) => operations.run("network.down", request, () => network.down()),
    kernelImport: (params, request) =>
      operations.run("kernel.import", request, (context) => kernels.import(params, context)),
    kernelList: async () => ({ kernels: kernels.list() }),
    kernelShow: async ({ kernel }) => kernels.show(kernel),
    kernelDefault: ({ kernel }, request) =>
      operations.run("kernel.default", request, async () => kernels.default(kernel)),
    kernelRemove: ({ kernel }, request) => operations.run("kernel.remove", request, async () => kernels.remove(kernel)),
    imageBuild: (params, request) => operations.run("image.build", request, (context) => images.build(params, context)),
    imageImport: (params, request) =>
      operations.run("image.import", request, (context) => images.import(params, context)),
    imageList: async () => ({ images: images.list() }),
    imageShow: async ({ image }) => images.show(image),
    imageDefault: ({ image }, request) => operations.run("image.default", request, async () => images.default(image)),
    imageRemove: ({ image }, request) => operations.run("image.remove", request, async () => images.remove(image)),
    vmCreate: (params, request) => vms.create(params, request),
    vmRun: (params, request) => runs.run(params, request),
    vmStart: (params, request) => vms.start(params, request),
    vmStop: (params, request) => vms.stop(params, request),
    vmRestart: (params, request) => vms.restart(params, request),
    vmPause: (params, request) => vms.pause(params, request),
    vmResume: (params, request) => vms.resume(params, request),
    vmWait: (params, request) => waits.wait(params, request),
    vmKill: (params, request) => vms.kill(params, request),
    vmDelete: (params, request) => vms.delete(params, request),
    vmRename: (params, request) => vms.rename(params, request),
    vmPrune: (params, request) => vms.prune(params, request),
    vmList: (params, request) => vms.listOrWatch(params, request),
    vmSet: (params, request) => vms.set(params, request),
    vmShow: ({ vm }) => vms.show(vm),
    vmStats: (params, request) => stats.stats(params, request),
    vmPorts: ({ vm }, request) => stats.ports(vm, request),
    vmmList: () => vmms(),
    volumeCreate: (params, request) =>
      operations.run("volume.create", request, ({ signal }) => volumes.create(params, signal)),
    volumeList: async () => ({ volumes: volumes.list() }),
    volumeShow: async ({ volume }) => volumes.show(volume),
    volumeSet: (params, request) => operations.run("volume.set", request, async () => volumes.grow(params)),
    volumeRemove: ({ volume }, request) => operations.run("volume.remove", request, async () => volumes.remove(volume)),
    vmExec: (params, request) => guests.exec(params, request),
    vmCopy: (params, request) => guests.copy(params, request),
    vmLogs: (params, request) => guests.logs(params, request),
    vmConsole: (params, request) => guests.console(params, request),
    vmSsh: (params, request) => guests.ssh(params, request),
    configShow: async () => configShown(config.read(), named),
    systemDoctor: (params, request) =>
      operations.run("system.doctor", request, (context) => doctor.run(params, context)),
    systemReconcile: (params, request) =>
      operations.run("system.reconcile", request, () => reconciler.onDemand(params)),
    operationList: async ({ limit }) => ({ operations: operationAccess.list(limit) }),
    operationStatus: async (params, { peer }) => operationAccess.status(params, peer),
    operationWait: (params, request) => operationAccess.wait(params, request),
    operationCancel: async (params, { peer }) => operationAccess.cancel(params, peer),
    traceList: async ({ limit }) => ({ operations: traces.list(limit) }),
    traceShow: async ({ operation }) => traces.show(operation),
    traceSubmit: async ({ spans, records }, { ownsTrace }) => ({
      accepted: takeSubmitted({ ...submitted, traces, operations }, { spans, records, ownsTrace }),
    }),
  };
}

/** Whether the helper answers, as `daemon.ping` tells of it. */
function helperStatus(away: Away | undefined) {
  if (away === undefined) return { helper: "available" as const };
  const { why, hint } = away;
  return {
    helper: "unavailable" as const,
    helper_error: why,
    ...(hint === undefined ? {} : { helper_hint: hint }),
  };
}

/** A database that was exchanged, as `daemon.ping` tells of it. */
function databaseStatus(replaced: Replaced | undefined) {
  return replaced === undefined ? {} : { database: replaced };
}

/** The export as `daemon.ping` tells of it. */
function exportStatus({ endpoint, off, counts: { lastError, ...counts } }: ExportStatus) {
  const last_error = lastError === undefined ? null : { at: lastError.at.toISOString(), text: lastError.text };
  return { endpoint, ...(off === undefined ? {} : { off }), ...counts, last_error };
}

/** What became of log records, as `daemon.ping` tells of it. */
function logStatus({ kept, output, helper, collector }: TelemetryStatus["logs"]) {
  return {
    dropped: {
      kept: kept.dropped,
      output: output.dropped,
      helper: helper.dropped,
      collector: collector?.dropped ?? 0,
    },
    untold: kept.untold,
  };
}
