import { setTimeout as delay } from "node:timers/promises";
import type { Layout } from "../../../installation/layout.ts";
import { BangerError } from "../../../rpc/contract/errors.ts";
import { helperContract } from "../../../rpc/contract/helper.ts";
import { printableLine } from "../../../rpc/printable.ts";
import type { HelperLink } from "../../helper/helper-link.ts";
import type { Accelerator, VmmConnection, VmmDriver } from "../driver.ts";
import { openVmmSocket, type VmmSocketDeps } from "../vmm-socket.ts";
import { openQemuConnection } from "./qemu-connection.ts";
import { QmpClient } from "./qmp.ts";

/** What the QEMU driver needs. */
export interface QemuDriverDeps extends VmmSocketDeps {
  readonly helper: Pick<HelperLink, "call">;
  readonly layout: Pick<Layout, "sockets">;
}

/** A QEMU whose socket closed is gone after this, if it goes. */
const endsWithinMs = 1_000;
const lookAgainMs = 20;

/** Runs VMs under QEMU: the helper starts and ends the process, the daemon speaks QMP with it. */
export function createQemuDriver({ helper, layout, ...sockets }: QemuDriverDeps): VmmDriver {
  return {
    accelerator: () => probeAccelerator(helper),
    launch: async (spec, signal) => {
      const started = await helper.call(
        helperContract.vmmStart,
        {
          vm_id: spec.vmId,
          generation: spec.generation,
          kernel_id: spec.kernelId,
          image_id: spec.imageId,
          disk_kind: spec.diskKind,
          cpus: spec.cpus,
          memory_mib: spec.memoryMib,
          mac: spec.mac,
          accel: spec.accelerator,
          ...(spec.network ? {} : { network: false }),
        },
        { signal },
      );
      return { pid: started.pid, startedAt: new Date(started.started_at) };
    },
    connect: async (vmId, signal) => {
      const { qmp, agent } = layout.sockets(vmId);
      try {
        return await connectTo(sockets, { qmp, agent }, signal);
      } catch (cause) {
        signal.throwIfAborted();
        if (!(cause instanceof BangerError) || cause.code !== "guest_died") throw cause;
        const words = await wordsOfTheDead(helper, vmId);
        if (words === undefined) throw cause;
        throw new BangerError("guest_died", `QEMU ended: ${printableLine(words)}`, { cause });
      }
    },
  };
}

/** What a QEMU said that closed its socket because it is ending; undefined when it lives on, or said nothing. */
async function wordsOfTheDead(helper: Pick<HelperLink, "call">, vmId: string): Promise<string | undefined> {
  for (const deadline = performance.now() + endsWithinMs; ; await delay(lookAgainMs)) {
    const { running, last_words: words } = await helper.call(helperContract.vmmStatus, { vm_id: vmId });
    if (!running || performance.now() > deadline) return running ? undefined : words;
  }
}

async function connectTo(
  deps: VmmSocketDeps,
  paths: { readonly qmp: string; readonly agent: string },
  signal: AbortSignal,
): Promise<VmmConnection> {
  const socket = await openVmmSocket(deps, paths.qmp, signal);
  const qmp = await QmpClient.connect({ socket, signal });
  try {
    return await openQemuConnection(qmp, (over) => openVmmSocket(deps, paths.agent, over), signal);
  } catch (error) {
    qmp.close();
    throw error;
  }
}

/** The helper tries KVM as a VMM would use it; one that can't say is of a version that never gave a VMM the device. */
async function probeAccelerator(helper: Pick<HelperLink, "call">): Promise<Accelerator> {
  try {
    const { usable, why } = await helper.call(helperContract.kvmProbe, {});
    return { kind: usable ? "kvm" : "tcg", why };
  } catch (error) {
    if (!(error instanceof BangerError) || error.code !== "unknown_method") throw error;
    return { kind: "tcg", why: "the helper is older than the daemon and doesn't try KVM; restart it" };
  }
}
