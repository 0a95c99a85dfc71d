import type { Socket } from "node:net";
import type { Layout } from "../../../installation/layout.ts";
import { BangerError } from "../../../rpc/contract/errors.ts";
import { helperContract } from "../../../rpc/contract/helper.ts";
import type { Spans } from "../../../telemetry/spans.ts";
import type { HelperLink } from "../../helper/helper-link.ts";
import type { VmmConnection, VmmDriver } from "../driver.ts";
import { orItsLastWords } from "../last-words.ts";
import { startRequest } from "../start-request.ts";
import { openVmmSocket, type VmmSocketDeps } from "../vmm-socket.ts";
import { FirecrackerApi } from "./api-client.ts";
import { configure, type FirecrackerPlaces } from "./configure.ts";
import { openFirecrackerConnection } from "./firecracker-connection.ts";
import { openMetrics } from "./metrics.ts";
import { Memory, type MemoryDeps } from "./remembered.ts";
import { agentPort, connectVsock } from "./vsock.ts";

/** What the Firecracker driver needs. */
export interface FirecrackerDriverDeps extends VmmSocketDeps {
  readonly helper: Pick<HelperLink, "call">;
  readonly layout: Pick<Layout, "metrics" | "tap"> & {
    sockets(vmId: string): Pick<ReturnType<Layout["sockets"]>, "api" | "vsock">;
    vm(vmId: string): Pick<ReturnType<Layout["vm"]>, "firecracker">;
  };
  readonly spans: Pick<Spans, "span" | "activeIds">;
  /** Told of what can't be remembered for the next daemon. */
  readonly complain: (error: unknown) => void;
}

/** Runs VMs under Firecracker: the helper starts and ends the process, the daemon speaks its API with it. */
export function createFirecrackerDriver(deps: FirecrackerDriverDeps): VmmDriver {
  const { helper, layout } = deps;
  const said = (vmId: string) => ({ helper, vmId, name: "Firecracker" });
  return {
    launch: async (spec, signal) => {
      Memory.begin(memoryOf(deps, spec.vmId));
      const params = { ...startRequest(spec), vmm: "firecracker" as const };
      const started = await helper.call(helperContract.vmmStart, params, { signal });
      const places = placesOf(started.firecracker);
      const api = apiOf(deps, spec.vmId);
      try {
        await orItsLastWords(said(spec.vmId), signal, async () => {
          await api.get("/version", signal);
          await configure(api, spec, places, layout.tap(spec.vmId), signal);
        });
      } finally {
        api.close();
      }
      return { pid: started.pid, startedAt: new Date(started.started_at) };
    },
    connect: (vmId, signal) => orItsLastWords(said(vmId), signal, () => connectTo(deps, vmId, signal)),
  };
}

async function connectTo(deps: FirecrackerDriverDeps, vmId: string, signal: AbortSignal): Promise<VmmConnection> {
  const { layout } = deps;
  const sockets = layout.sockets(vmId);
  const watch = await openVmmSocket(deps, sockets.api, signal);
  // Nothing is to come on it: what says something all the same is no Firecracker.
  watch.on("data", () => watch.destroy());
  const api = apiOf(deps, vmId);
  try {
    const info = await api.get("/", signal);
    if (info.state === "Not started") await mustBeConfigured(deps, api, vmId, signal);
    const memory = Memory.of(memoryOf(deps, vmId));
    const openAgent = (over: AbortSignal) =>
      connectVsock((opening) => openVmmSocket(deps, sockets.vsock, opening), agentPort, over);
    return openFirecrackerConnection({ api, info, watch, metrics: metricsOf(deps, vmId), memory, openAgent });
  } catch (error) {
    watch.destroy();
    api.close();
    throw error;
  }
}

/** One whose start was cut off before it knew what to run can't be told any more, and has no guest to lose: it is ended. */
async function mustBeConfigured(
  { helper }: FirecrackerDriverDeps,
  api: FirecrackerApi,
  vmId: string,
  signal: AbortSignal,
): Promise<void> {
  const { "boot-source": boot } = await api.get("/vm/config", signal);
  if (boot.kernel_image_path !== "") return;
  const { facts } = await helper.call(helperContract.vmmStatus, { vm_id: vmId }, { signal });
  if (facts !== undefined)
    await helper.call(helperContract.vmmStop, { vm_id: vmId, generation: facts.generation }, { signal });
  throw new BangerError("wrong_state", "its start was cut off before Firecracker knew what to run; that was ended");
}

function apiOf(deps: FirecrackerDriverDeps, vmId: string): FirecrackerApi {
  const { api } = deps.layout.sockets(vmId);
  return new FirecrackerApi({ open: (signal) => openVmmSocket(deps, api, signal), spans: deps.spans });
}

function memoryOf({ layout, complain }: FirecrackerDriverDeps, vmId: string): MemoryDeps {
  return { path: layout.vm(vmId).firecracker, complain };
}

/** What it counts; a VM whose FIFO somebody removed is told nothing of, and runs on. */
function metricsOf({ layout, complain }: FirecrackerDriverDeps, vmId: string): Socket | undefined {
  try {
    return openMetrics(layout.metrics(vmId));
  } catch (error) {
    complain(error);
    return undefined;
  }
}

function placesOf(places: FirecrackerPlaces | undefined): FirecrackerPlaces {
  if (places !== undefined) return places;
  throw new BangerError("command_failed", "the helper is older than the daemon and knows no Firecracker; restart it");
}
