import type { helperContract } from "../../../rpc/contract/helper.ts";
import type { ResultOf } from "../../../rpc/contract/method.ts";
import type { VmmSpec } from "../driver.ts";
import type { FirecrackerApi } from "./api-client.ts";
import { bootArgs } from "./boot-args.ts";

/** Where a Firecracker's things are: sockets as the owner finds them, files as Firecracker itself does. */
export type FirecrackerPlaces = NonNullable<ResultOf<typeof helperContract.vmmStart>["firecracker"]>;

/** The root disk's id. */
export const rootDrive = "root";

/** Of the addresses of a vsock, the first that is a guest's (vsock(7)). */
const guestCid = 3;
/** So often a guest is asked for its memory: as often as Firecracker writes what it counts. */
const tellsEveryS = 60;

/**
 * Tells a Firecracker that was just started what its guest is to have. The boot source comes last: without it no guest is begun,
 * so one whose configuration was cut off never runs half of what was wanted.
 */
export async function configure(
  api: FirecrackerApi,
  spec: VmmSpec,
  places: FirecrackerPlaces,
  tap: string,
  signal: AbortSignal,
): Promise<void> {
  await api.put("/metrics", { metrics_path: places.metrics }, signal);
  await api.put("/machine-config", { vcpu_count: spec.cpus, mem_size_mib: spec.memoryMib, smt: false }, signal);
  await putDrive(api, rootDrive, places.root_disk, signal);
  for (const [index, path] of places.volumes.entries()) await putDrive(api, `volume${index}`, path, signal);
  if (spec.network) {
    const device = { iface_id: "eth0", host_dev_name: tap, guest_mac: spec.mac };
    await api.put("/network-interfaces/{iface_id}", device, signal, device.iface_id);
  }
  await api.put("/vsock", { guest_cid: guestCid, uds_path: places.vsock }, signal);
  await api.put("/entropy", {}, signal);
  // It takes nothing from the guest, whose kernel tells by it what memory it has.
  const balloon = { amount_mib: 0, deflate_on_oom: true, stats_polling_interval_s: tellsEveryS };
  await api.put("/balloon", balloon, signal);
  const boot = { kernel_image_path: places.kernel, initrd_path: places.initrd, boot_args: bootArgs };
  await api.put("/boot-source", boot, signal);
}

function putDrive(api: FirecrackerApi, id: string, path: string, signal: AbortSignal): Promise<void> {
  const drive = {
    drive_id: id,
    path_on_host: path,
    is_read_only: false,
    // The guest's initrd mounts it: its kernel is told nothing of it.
    is_root_device: false,
    // What the guest flushes is on the host's disk: otherwise it isn't even asked to.
    cache_type: "Writeback" as const,
    io_engine: "Sync" as const,
  };
  return api.put("/drives/{drive_id}", drive, signal, id);
}
