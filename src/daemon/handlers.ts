import { beginsOf } from "../rpc/contract/beginnings.ts";
import { type daemonContract, declaredContract } from "../rpc/contract/daemon.ts";
import type { Handlers } from "../rpc/dispatch.ts";
import { acceptSpans } from "../rpc/foreign-spans.ts";
import type { ExportStatus, SpanExport } from "../telemetry/export.ts";
import { services as serviceNames } from "../telemetry/names.ts";
import type { SpanSink } from "../telemetry/span-record.ts";
import { version } from "../version.ts";
import type { Request } from "./operation/operations.ts";
import type { Services } from "./wire-services.ts";

const fromCli = acceptSpans(serviceNames.cli);

/** How many requests were answered; polls are counted because they open no spans. */
export interface RequestCounts {
  traced: number;
  polls: number;
}

/** What the daemon answers: one line for each method. */
export function daemonHandlers(
  services: Services,
  keep: SpanSink,
  requests: RequestCounts,
  otlp: Pick<SpanExport, "status">,
): Handlers<typeof daemonContract> {
  const declared = declaredHandlers(services, keep, requests, otlp);
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
    helper,
    network,
    kernels,
    images,
    vms,
    runs,
    waits,
    guests,
    doctor,
    traces,
    operations,
    operationAccess,
    accelerator,
  }: Services,
  keep: SpanSink,
  requests: RequestCounts,
  otlp: Pick<SpanExport, "status">,
): Handlers<typeof declaredContract> {
  return {
    ping: async () => ({
      version,
      pid: process.pid,
      ...helperStatus(await helper.whyAway()),
      helper_version: helper.peer?.version ?? null,
      accelerator: accelerator() ?? null,
      requests: { ...requests },
      telemetry: exportStatus(otlp.status()),
    }),
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
    vmExec: (params, request) => guests.exec(params, request),
    vmCopy: (params, request) => guests.copy(params, request),
    vmLogs: (params, request) => guests.logs(params, request),
    vmConsole: (params, request) => guests.console(params, request),
    vmSsh: (params, request) => guests.ssh(params, request),
    systemDoctor: (params, request) =>
      operations.run("system.doctor", request, (context) => doctor.run(params, context)),
    operationList: async ({ limit }) => ({ operations: operationAccess.list(limit) }),
    operationStatus: async (params, { peer }) => operationAccess.status(params, peer),
    operationWait: (params, request) => operationAccess.wait(params, request),
    operationCancel: async (params, { peer }) => operationAccess.cancel(params, peer),
    traceList: async ({ limit }) => ({ operations: traces.list(limit) }),
    traceShow: async ({ operation }) => traces.show(operation),
    traceSubmit: async ({ spans }, { ownsTrace }) => {
      const own = fromCli(spans).filter((span) => ownsTrace(span.trace_id));
      for (const span of own) keep(span);
      return { accepted: own.length };
    },
  };
}

/** Whether the helper answers, as `daemon.ping` tells of it. */
function helperStatus(away: string | undefined) {
  return away === undefined ? { helper: "available" as const } : { helper: "unavailable" as const, helper_error: away };
}

/** The export as `daemon.ping` tells of it. */
function exportStatus({ endpoint, off, counts: { lastError, ...counts } }: ExportStatus) {
  const last_error = lastError === undefined ? null : { at: lastError.at.toISOString(), text: lastError.text };
  return { endpoint, ...(off === undefined ? {} : { off }), ...counts, last_error };
}
