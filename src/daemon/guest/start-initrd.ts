import { readFileSync } from "node:fs";
import type { Layout } from "../../installation/layout.ts";
import type { Vm } from "../../rpc/contract/vm.ts";
import { volumeSerial } from "../vmm/volume-serial.ts";
import type { SshKeys } from "../ssh/ssh-keys.ts";
import { guestConfigArchive, type GuestNetwork, type GuestVolume } from "./guest-config.ts";

/** The initrd that a VM is started with. */
export type StartInitrd = (
  vm: Pick<Vm, "id" | "name" | "address" | "mac" | "kernel" | "network" | "vmm"> & {
    readonly volumes: readonly GuestVolume[];
  },
) => Buffer;

/** What a VM's initrd is joined from. */
export interface StartInitrdDeps {
  readonly layout: Layout;
  readonly keys: SshKeys;
  /** The archive with the guest's programs of this version. */
  readonly guestPrograms: () => Buffer;
  /** Bits of the network's part of an address. */
  readonly prefix: number;
  readonly gateway: string;
  /** What a guest that starts now is told about names. */
  readonly names: () => Pick<GuestNetwork, "resolvers" | "search">;
  readonly machineId: (vmId: string) => string;
}

/** Joins archives that the kernel unpacks one over the other: the kernel's modules, the guest's programs, and what this VM is given. */
export function createStartInitrd(deps: StartInitrdDeps): StartInitrd {
  const { layout, keys, guestPrograms, prefix, gateway, names, machineId } = deps;
  return ({ id, name, address, mac, kernel, network, vmm, volumes }) =>
    Buffer.concat([
      readFileSync(layout.kernel(kernel.id).initrd),
      guestPrograms(),
      guestConfigArchive({
        hostname: name,
        ...(network === "none" ? {} : { network: { address: `${address}/${prefix}`, gateway, mac, ...names() } }),
        machineId: machineId(id),
        authorizedKeys: keys.authorizedKeys(),
        ...keys.hostKey(layout.vm(id)),
        volumes: volumes.map(({ id: volumeId, path }) => ({
          id: volumeSerial[vmm](volumeId, layout.volume(volumeId)),
          path,
        })),
      }),
    ]);
}
