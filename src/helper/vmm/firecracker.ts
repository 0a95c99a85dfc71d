import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { HelperDeps } from "../deps.ts";
import type { VmFacts } from "../files/facts.ts";
import { kvmDevice } from "../kvm/kvm.ts";
import { tunDevice } from "../network/tun.ts";
import { asUid } from "../process/identity.ts";
import { hasFilter, processFacts } from "../process/process-facts.ts";
import { cageOf } from "./cage.ts";
import {
  cagedGiven,
  cagedPaths,
  type FirecrackerPaths,
  firecrackerArgv,
  jailArgv,
  jailedGiven,
  jailedPaths,
} from "./firecracker-argv.ts";
import { filterName, type InstalledFirecracker, installedFirecracker } from "./firecracker-programs.ts";
import { kvmGroups } from "./kvm-groups.ts";
import { formatOf } from "./open-files.ts";
import { makeFifo } from "./vmm-fifo.ts";
import type { KindOfVmm, StartParams, VmmPlan } from "./vmm-kind.ts";

/** What a plan is made of. */
interface Vm {
  readonly deps: HelperDeps;
  readonly known: VmFacts;
  readonly params: StartParams;
  readonly installed: InstalledFirecracker;
}

/** Firecracker, which is configured by its API and boots nothing before it is told to. In its jail where the jailer is installed, else in a cage. */
export const firecracker: KindOfVmm = {
  title: "Firecracker",
  span: "firecracker starting",
  executable: "firecracker",
  greeting: { say: "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", answer: "HTTP/1.1 200" },
  mustBeConfined: mustBeFiltered,
  remembered: ({ volumes = [] }) => ({ kind: "firecracker", volumes }),
  plan: async (deps, known, params) => {
    const installed = installedFirecracker();
    mustSuit(params, installed);
    const groups = await kvmGroups(deps);
    const { layout, installation } = deps;
    makeFifo(deps, layout.metrics(known.vm_id), { uid: installation.ownerUid, gid: known.uid, mode: 0o660 });
    makeFifo(deps, layout.vmmWords(known.vm_id), { uid: 0, gid: known.uid, mode: 0o660 });
    const vm = { deps, known, params, installed };
    return installed.jailer === undefined ? caged(vm, groups) : jailed(vm, installed.jailer);
  },
};

/** A Firecracker that was built for glibc has an empty filter of system calls, and says nothing of that: its API's thread has one before it answers, or never. */
function mustBeFiltered(pid: number): void {
  // One that has ended meanwhile is told of by whoever asks for it next.
  if (hasFilter(pid) || processFacts(pid) === undefined) return;
  throw new BangerError("command_failed", "this firecracker was built without a filter of system calls", {
    details: {
      hint: `Lay one beside it as ${filterName}, or install one that was built for musl, as the published ones are.`,
    },
  });
}

/** Refuses what a Firecracker can't be given. */
function mustSuit(params: StartParams, { jailer }: InstalledFirecracker): void {
  const refuse = (why: string, hint: string) => new BangerError("bad_params", why, { details: { hint } });
  if (params.accel !== "kvm") throw refuse("Firecracker runs with KVM only", "Let it run on QEMU.");
  const format = formatOf(params);
  if (format === "qcow2") throw refuse("Firecracker reads no qcow2", "Give the VM a disk of another kind, or QEMU.");
  if (format === "snapshot" && jailer === undefined) {
    const why = "a root disk of kind dm-snapshot is a device, of which only the jailer makes Firecracker's uid a node";
    throw refuse(why, "Install the jailer beside firecracker, or give the VM a disk of another kind.");
  }
}

/** In today's cage, with its files by descriptor. */
function caged(vm: Vm, groups: readonly number[]): VmmPlan {
  const { deps, known, params, installed } = vm;
  const { api, vsock } = deps.layout.sockets(known.vm_id);
  const fifos = { metrics: deps.layout.metrics(known.vm_id), words: deps.layout.vmmWords(known.vm_id) };
  const paths = cagedPaths({ api, vsock, ...fifos, filter: installed.filter }, params.volumes?.length ?? 0);
  return {
    ...planOf(vm, paths),
    given: cagedGiven,
    devices: [...(params.network === false ? [] : [tunDevice]), kvmDevice],
    makesNodes: false,
    argv: (limits) => [
      ...cageOf(deps, known.vm_id, limits),
      ...asUid(known.uid, groups),
      ...firecrackerArgv(installed.file, known.vm_id, paths),
    ],
  };
}

/** In a jail, which goes with its last process: the jailer makes /dev/kvm there for the VM's uid alone. */
function jailed(vm: Vm, jailer: string): VmmPlan {
  const { deps, known, params, installed } = vm;
  const { layout, programs } = deps;
  const { file, bytes, filter } = installed;
  const paths = jailedPaths({ filter: filter !== undefined, volumes: params.volumes?.length ?? 0 });
  const jail = {
    vmmJail: programs.vmmJail,
    jailer,
    firecracker: { file, name: basename(file), bytes },
    vmId: known.vm_id,
    uid: known.uid,
    base: layout.vmSockets,
    host: {
      directory: layout.sockets(known.vm_id).directory,
      metrics: layout.metrics(known.vm_id),
      words: layout.vmmWords(known.vm_id),
      filter,
    },
  };
  return {
    ...planOf(vm, paths),
    given: jailedGiven,
    // The jailer makes nodes of all these, whatever its guest has.
    devices: [tunDevice, kvmDevice, ...userfaultfd()],
    makesNodes: true,
    argv: (limits) => jailArgv(jail, paths, limits),
  };
}

/** What a caged and a jailed one have in common. */
function planOf(
  { deps, known }: Vm,
  paths: FirecrackerPaths,
): Pick<VmmPlan, "opensDisks" | "wordsFifo" | "socket" | "places"> {
  const { layout } = deps;
  const { api, vsock } = layout.sockets(known.vm_id);
  return {
    opensDisks: true,
    wordsFifo: layout.vmmWords(known.vm_id),
    socket: api,
    places: {
      firecracker: {
        api_socket: api,
        vsock_socket: vsock,
        vsock: paths.vsock,
        metrics: paths.metrics,
        metrics_file: layout.metrics(known.vm_id),
        kernel: paths.kernel,
        initrd: paths.initrd,
        root_disk: paths.rootDisk,
        volumes: [...paths.volumes],
      },
    },
  };
}

/** The device of which the jailer makes a node where the kernel has it, by its number, as the jailer finds it. */
function userfaultfd(): string[] {
  const minor = /^ *(\d+) userfaultfd$/m.exec(readFileSync("/proc/misc", "utf8"))?.[1];
  return minor === undefined ? [] : [`/dev/char/10:${minor}`];
}
