import type { Layout } from "../../../installation/layout.ts";
import { BangerError } from "../../../rpc/contract/errors.ts";
import { helperContract } from "../../../rpc/contract/helper.ts";
import { printable } from "../../../rpc/printable.ts";
import type { HelperLink } from "../../helper-link.ts";
import { ConsoleLog } from "../console-log.ts";
import type { Accelerator, VmmConnection, VmmDriver, VmmExit } from "../driver.ts";
import { QmpClient } from "./qmp.ts";

/** What the QEMU driver needs. */
export interface QemuDriverDeps {
  readonly helper: HelperLink;
  readonly layout: Layout;
  readonly accelerator: { readonly kind: Accelerator; readonly why: string };
}

/** Runs VMs under QEMU: the helper starts and ends the process, the daemon speaks QMP with it. */
export function createQemuDriver({ helper, layout, accelerator }: QemuDriverDeps): VmmDriver {
  return {
    accelerator,
    launch: async (spec) => {
      const started = await helper.call(helperContract.vmmStart, {
        vm_id: spec.vmId,
        generation: spec.generation,
        kernel_id: spec.kernelId,
        image_id: spec.imageId,
        cpus: spec.cpus,
        memory_mib: spec.memoryMib,
        mac: spec.mac,
        accel: accelerator.kind,
      });
      return { pid: started.pid, startedAt: new Date(started.started_at) };
    },
    connect: async (vmId) => {
      const sockets = layout.sockets(vmId);
      let failed: unknown;
      try {
        const qmp = await QmpClient.connect({ path: sockets.qmp });
        return connectionOf(qmp, layout.vm(vmId).consoleLog, sockets.agent);
      } catch (error) {
        failed = error;
      }
      const { last_words: words } = await helper.call(helperContract.vmmStatus, { vm_id: vmId });
      if (words === undefined) throw failed;
      throw new BangerError("guest_died", `QEMU ended: ${printable(words)}`, { cause: failed });
    },
    end: async (vmId, generation) => void (await helper.call(helperContract.vmmStop, { vm_id: vmId, generation })),
  };
}

/** How a VMM ended, by the reasons that QEMU gives (qapi/run-state.json, ShutdownCause). */
const ways: Record<string, VmmExit["how"]> = { "guest-shutdown": "shutdown", "guest-reset": "reset" };

function connectionOf(qmp: QmpClient, consolePath: string, agentPath: string): VmmConnection {
  let how: VmmExit["how"] = "unknown";
  qmp.onEvent((event) => {
    if (event.event !== "SHUTDOWN") return;
    how = ways[String(event.data["reason"])] ?? "unknown";
  });
  const over = new AbortController();
  const exited = qmp.closed.then((): VmmExit => {
    over.abort();
    return { how };
  });
  const console = new ConsoleLog(consolePath, over.signal);
  return {
    boot: async () => void (await qmp.execute("cont")),
    exited,
    console,
    agentPath,
    close: () => qmp.close(),
  };
}
