import type { DiskKind } from "../../../src/rpc/contract/disk-kind.ts";
import type { Vm } from "../../../src/rpc/contract/vm.ts";
import { installEmulatedFirecracker } from "../../support/firecracker/install-emulated.ts";
import { installRealFirecracker, noFirecracker, noJailer } from "../../support/real-firecracker.ts";
import { noDeviceMapper } from "../../support/device-mapper.ts";
import { noSandbox, type Sandbox } from "../../support/sandbox.ts";
import { btrfsState, Installation, type MakeOptions } from "../../support/installation.ts";

/** Of what a VM is made: what one column of the suite is about. */
export interface Column {
  readonly disk: DiskKind;
  readonly driver: Vm["vmm"];
  /** Where the state must lie for that. */
  readonly state: Pick<MakeOptions, "mountState">;
  /** What stands for the driver's VMM, in words. */
  readonly vmm: string;
  /** Its VMM is in the jail of Firecracker's jailer. */
  readonly isJailed: boolean;
  /** Why it is left out here; undefined where it isn't. */
  readonly leftOut: string | undefined;
}

const anywhere = {};
const onBtrfs = { mountState: btrfsState(400) };

/** How a driver's VMM is had. */
interface Had extends Pick<Column, "vmm" | "isJailed"> {
  readonly install: (sandbox: Sandbox) => Promise<void>;
}

const had: Readonly<Record<Column["driver"], Had>> = {
  qemu: { vmm: "qemu", isJailed: false, install: async () => undefined },
  firecracker:
    noFirecracker === undefined
      ? { vmm: "firecracker", isJailed: noJailer === undefined, install: installRealFirecracker }
      : { vmm: "what is in firecracker's place", isJailed: false, install: installEmulatedFirecracker },
};

const column = (driver: Column["driver"], disk: DiskKind, state: Column["state"], lacks?: string): Column => ({
  driver,
  disk,
  state,
  vmm: had[driver].vmm,
  isJailed: had[driver].isJailed,
  leftOut: noSandbox ?? lacks,
});

/** Every disk kind under each driver: a new one of either is a line here. Where no Firecracker was brought, one column shows its API and its driver. */
export const columns: readonly Column[] = [
  column("qemu", "qcow2", anywhere),
  column("qemu", "copy", anywhere),
  column("qemu", "reflink", onBtrfs),
  column("qemu", "dm-snapshot", anywhere, noDeviceMapper),
  column("firecracker", "copy", anywhere),
  column("firecracker", "reflink", onBtrfs, noFirecracker),
  column("firecracker", "dm-snapshot", anywhere, noFirecracker ?? noJailer ?? noDeviceMapper),
];

/** The columns that stand for their driver, where the disk is no matter. */
export const drivers: readonly Column[] = columns.filter(
  ({ driver }, index) => columns.findIndex((one) => one.driver === driver) === index,
);

/** An installation on which a VM of the column can be made; its helper and daemon run. */
export async function hostOf({ state, driver }: Pick<Column, "state" | "driver">): Promise<Installation> {
  const host = await Installation.create({ guest: true, ...state });
  await had[driver].install(host.sandbox);
  if (state.mountState !== undefined) await ownImages(host);
  await host.startHelper();
  await host.startDaemon();
  return host;
}

/** Blocks are shared within a file system only: images that tests share are copied into the state's own. */
async function ownImages(host: Installation): Promise<void> {
  const images = `${host.file.stateDir}/images`;
  await host.sandbox.root(`
    cp -a --sparse=always ${images} ${images}.own; umount ${images}; rmdir ${images}; mv ${images}.own ${images}`);
}
