import type { Layout } from "../../../installation/layout.ts";
import { helperContract } from "../../../rpc/contract/helper.ts";
import type { HelperLink } from "../../helper/helper-link.ts";
import type { VmmConnection, VmmDriver } from "../driver.ts";
import { orItsLastWords } from "../last-words.ts";
import { startRequest } from "../start-request.ts";
import { openVmmSocket, type VmmSocketDeps } from "../vmm-socket.ts";
import { openQemuConnection } from "./qemu-connection.ts";
import { QmpClient } from "./qmp.ts";

/** What the QEMU driver needs. */
export interface QemuDriverDeps extends VmmSocketDeps {
  readonly helper: Pick<HelperLink, "call">;
  readonly layout: { sockets(vmId: string): Pick<ReturnType<Layout["sockets"]>, "qmp" | "agent"> };
  /** Told of each command of QMP's that is sent, where it is sent. */
  readonly asks?: (command: string) => void;
}

/** Runs VMs under QEMU: the helper starts and ends the process, the daemon speaks QMP with it. */
export function createQemuDriver({ helper, layout, asks, ...sockets }: QemuDriverDeps): VmmDriver {
  return {
    launch: async (spec, signal) => {
      const started = await helper.call(helperContract.vmmStart, startRequest(spec), { signal });
      return { pid: started.pid, startedAt: new Date(started.started_at) };
    },
    connect: (vmId, signal) => {
      const { qmp, agent } = layout.sockets(vmId);
      const connecting = () => connectTo({ ...sockets, asks }, { qmp, agent }, signal);
      return orItsLastWords({ helper, vmId, name: "QEMU" }, signal, connecting);
    },
  };
}

async function connectTo(
  deps: VmmSocketDeps & { readonly asks: QemuDriverDeps["asks"] },
  paths: { readonly qmp: string; readonly agent: string },
  signal: AbortSignal,
): Promise<VmmConnection> {
  const socket = await openVmmSocket(deps, paths.qmp, signal);
  const qmp = await QmpClient.connect({ socket, signal, asks: deps.asks });
  try {
    return await openQemuConnection(qmp, (over) => openVmmSocket(deps, paths.agent, over), signal);
  } catch (error) {
    qmp.close();
    throw error;
  }
}
