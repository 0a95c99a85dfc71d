import type { daemonContract } from "../rpc/contract/daemon.ts";
import type { Handlers } from "../rpc/dispatch.ts";
import { acceptSpans } from "../rpc/foreign-spans.ts";
import { services as serviceNames } from "../telemetry/names.ts";
import type { SpanSink } from "../telemetry/span-record.ts";
import { version } from "../version.ts";
import type { Services } from "./wire-services.ts";

const fromCli = acceptSpans(serviceNames.cli);

/** How many requests were answered; polls are counted because they open no spans. */
export interface RequestCounts {
  traced: number;
  polls: number;
}

/** What the daemon answers: one line for each method. */
export function daemonHandlers(
  { helper, network, kernels, images, vms, traces, accelerator }: Services,
  keep: SpanSink,
  requests: RequestCounts,
): Handlers<typeof daemonContract> {
  return {
    ping: async () => ({
      version,
      pid: process.pid,
      helper: helper.connected ? "available" : "unavailable",
      accelerator,
      requests: { ...requests },
    }),
    networkUp: (_, context) => network.up(context),
    networkDown: () => network.down(),
    kernelImport: (params, context) => kernels.import(params, context),
    kernelList: async () => ({ kernels: kernels.list() }),
    kernelShow: async ({ kernel }) => kernels.show(kernel),
    kernelRemove: async ({ kernel }) => kernels.remove(kernel),
    imageBuild: (params, context) => images.build(params, context),
    imageImport: (params, context) => images.import(params, context),
    imageList: async () => ({ images: images.list() }),
    imageShow: async ({ image }) => images.show(image),
    imageRemove: async ({ image }) => images.remove(image),
    vmCreate: (params, context) => vms.create(params, context),
    vmStart: (params, context) => vms.start(params, context),
    vmStop: (params, context) => vms.stop(params, context),
    vmKill: (params, context) => vms.kill(params, context),
    vmDelete: (params, context) => vms.delete(params, context),
    vmList: async () => ({ vms: vms.list() }),
    vmShow: async ({ vm }) => vms.show(vm),
    vmExec: (params, context) => vms.exec(params, context),
    vmLogs: (params, context) => vms.logs(params, context),
    vmSsh: (params, context) => vms.ssh(params, context),
    traceList: async ({ limit }) => ({ operations: traces.list(limit) }),
    traceShow: async ({ operation }) => traces.show(operation),
    traceSubmit: async ({ spans }, { ownsTrace }) => {
      const own = fromCli(spans).filter((span) => ownsTrace(span.trace_id));
      for (const span of own) keep(span);
      return { accepted: own.length };
    },
  };
}
