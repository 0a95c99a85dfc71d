import { randomBytes, randomInt } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import { type Installation, parseSubnet } from "../../../installation/install-file.ts";
import type { Layout } from "../../../installation/layout.ts";
import { BangerError } from "../../../rpc/contract/errors.ts";
import type { DiskKind } from "../../../rpc/contract/disk-kind.ts";
import type { VmmWish } from "../../../rpc/contract/vmm-kind.ts";
import type { vmContract } from "../../../rpc/contract/vm-methods.ts";
import type { ParamsOf } from "../../../rpc/contract/method.ts";
import { attribute } from "../../../telemetry/names.ts";
import { inConfig } from "../../config/named-things.ts";
import type { UserConfig } from "../../config/user-config.ts";
import type { ChosenDisk, RootDisks } from "../../disk/root-disks.ts";
import type { ImageService } from "../../image/image-service.ts";
import type { KernelService } from "../../kernel/kernel-service.ts";
import type { OperationContext } from "../../operation/operations.ts";
import type { SshKeys } from "../../ssh/ssh-keys.ts";
import type { Step, StepRunner } from "../../step/step-runner.ts";
import { type AttachDeps, attachVolumes, undoAttach } from "../../volume/attach.ts";
import { type WantedVolume, wantedVolumes } from "../../volume/wanted-volumes.ts";
import { blamedLine } from "../../vmm/default-vmm.ts";
import { type ChosenVmm, isUnfit, mustFit, type Unfit, type VmmChooser } from "../../vmm/vmm-choice.ts";
import { mustBootWith } from "../admission.ts";
import type { NewVm, StoredVm, VmRecords } from "../vm-records.ts";
import { missingHint } from "../vm-files.ts";
import { wantedVm } from "../wanted-vm.ts";

/** What creating a VM needs. */
export interface CreateDeps extends AttachDeps {
  readonly installation: Installation;
  readonly layout: Layout;
  readonly records: VmRecords;
  readonly images: Pick<ImageService, "find" | "default">;
  readonly kernels: Pick<KernelService, "find" | "default">;
  readonly disks: Pick<RootDisks, "create" | "remove">;
  readonly keys: SshKeys;
  readonly steps: StepRunner;
  readonly config: Pick<UserConfig, "read">;
  readonly chooser: Pick<VmmChooser, "choose">;
}

const mib = 1024 * 1024;

/** An id for a new VM. */
export function newVmId(): string {
  return randomBytes(8).toString("hex");
}

/** Makes a VM: its record first, which reserves name and address, then a directory with its disk and host key. `id`: one that was drawn for it. `removeAtEnd`: it goes with the command that it is made for. */
export async function createVm(
  deps: CreateDeps,
  params: ParamsOf<typeof vmContract.vmCreate>,
  context: OperationContext,
  { id = newVmId(), removeAtEnd = false } = {},
): Promise<StoredVm> {
  const config = deps.config.read();
  const wanted = wantedVm(params, config, { removeAtEnd });
  const found = <T>(content: "image" | "kernel", from: { find: (named: string) => T; default: () => T }) => {
    const named = wanted[content];
    if (named === undefined) return from.default();
    return params[content] === undefined ? inConfig(config, content, () => from.find(named)) : from.find(named);
  };
  const image = found("image", { find: (named) => deps.images.find(named), default: () => deps.images.default() });
  const kernel = found("kernel", { find: (named) => deps.kernels.find(named), default: () => deps.kernels.default() });
  mustBeThere("image", image);
  mustBeThere("kernel", kernel);
  mustBootWith(wanted.memory_mib, kernel);
  if (params.name !== undefined) deps.records.mustBeFree(params.name);
  const imageMib = Math.ceil(image.size / mib);
  const { cpus, accel, disk_kind: diskKind, memory_mib, network, labels, ttl_s, idle_s, autostart, on_reboot } = wanted;
  const wished = { vmm: wanted.vmm, accel, cpus, diskKind, kernelId: kernel.id };
  const choice = await deps.chooser.choose(wished);
  const line = isUnfit(choice) ? blamedLine(config, choice, params) : undefined;
  if (isUnfit(choice) && line !== undefined) throw unfitDefault(choice, line);
  const vmm = mustFit(choice);
  const vm = {
    id,
    name: params.name ?? `${pick(adjectives)}-${pick(animals)}-${id.slice(0, 4)}`,
    imageId: image.id,
    kernelId: kernel.id,
    vmm: vmm.kind,
    vmm_why: vmm.why,
    vmm_wanted: wanted.vmm,
    accel_wanted: accel,
    cpus,
    memory_mib,
    network,
    labels,
    ttl_s,
    idle_s,
    autostart,
    on_reboot,
    remove_at_end: removeAtEnd,
    disk_mib: wanted.disk_mib ?? Math.max(wanted.least_disk_mib, imageMib),
    mac: `02:${id.slice(0, 10).replace(/..(?!$)/g, "$&:")}`,
  };
  const asked = { vm: vm.name, volume: params.volume, workDiskMib: params.work_disk_mib };
  const volumes = wantedVolumes(asked, (name) => deps.volumeRecords.named(name));
  await deps.steps.run({
    operation: "vm.create",
    subject: vm,
    context,
    attributes: { [attribute.vmId]: vm.id, [attribute.vmName]: vm.name },
    steps: createSteps(deps, { kind: wanted.disk_kind, among: kindsFor(vmm, wanted.vmm) }, volumes),
  });
  return deps.records.must(vm.id);
}

/** That the config file asks for what isn't to be had here. */
function unfitDefault(
  { reason, instead }: Unfit,
  { line, key }: NonNullable<ReturnType<typeof blamedLine>>,
): BangerError {
  const details = { field: key, hint: `Change that line, or ask for ${instead}.` };
  return new BangerError("bad_config", `${line}: defaults.${key}: ${reason}`, { details });
}

/** Refuses what has only its record left. */
function mustBeThere(
  what: "image" | "kernel",
  { name, missing }: { readonly name: string; readonly missing?: boolean | undefined },
): void {
  if (missing !== true) return;
  const details = { field: what, hint: missingHint(what, name) };
  throw new BangerError("not_found", `${what}: the files of ${name} are gone or cut off`, { details });
}

/** A VM that is to be made, before it has an address. */
type Wanted = Omit<NewVm, "address">;

/** What `auto` tries for a root disk, in this order: what the VM's VMM reads, and qcow2 where QEMU may run it instead. */
function kindsFor({ kind, disks }: ChosenVmm, wanted: VmmWish): readonly DiskKind[] {
  return kind === "firecracker" && wanted === "auto" ? [...disks, "qcow2"] : disks;
}

function createSteps(
  deps: CreateDeps,
  disk: { readonly kind: DiskKind | "auto"; readonly among: readonly DiskKind[] },
  volumes: readonly WantedVolume[],
): Step<Wanted>[] {
  const { installation, layout, disks, keys, records } = deps;
  let chosen: ChosenDisk | undefined;
  const removeDirectory = async (vm: Wanted) => rmSync(layout.vm(vm.id).directory, { recursive: true, force: true });
  return [
    {
      name: "record",
      // Nothing is awaited between looking and taking: of two at once the second one sees the first.
      do: async (vm) => {
        records.mustBeFree(vm.name);
        records.insert({ ...vm, address: records.freeAddress(parseSubnet(installation.subnet)) });
      },
      undo: async (vm) => records.delete(vm.id),
    },
    {
      name: "directory",
      // Not with what is above it: on a read-only file system Node would tell that as "no such file".
      do: async (vm) => mkdirSync(layout.vm(vm.id).directory, { mode: 0o700 }),
      undo: removeDirectory,
    },
    {
      name: "root_disk",
      do: async (vm, signal) => {
        const image = layout.image(vm.imageId);
        chosen = await disks.create({ ...disk, id: vm.id, image, sizeMib: vm.disk_mib, signal });
      },
      undo: (vm) => disks.remove(vm.id),
    },
    {
      name: "host_key",
      do: (vm) => keys.makeHostKey(layout.vm(vm.id), vm.id),
      undo: removeDirectory,
    },
    ...(volumes.length === 0 ? [] : [volumesStep(deps, volumes)]),
    {
      name: "created",
      do: async (vm) => {
        if (chosen === undefined) throw new Error("a VM is created without a disk");
        const { kind: disk_kind, why: disk_why } = chosen;
        const onlyQemu = disk_kind === "qcow2" && vm.vmm !== "qemu" ? { vmm: "qemu" as const, vmm_why: disk_why } : {};
        records.update(vm.id, { state: "created", disk_kind, disk_why, ...onlyQemu });
      },
      undo: { none: "the record goes with its first step" },
    },
  ];
}

/** The last that takes time: where anything else fails, nothing is made that would have to be taken away. */
function volumesStep(deps: CreateDeps, volumes: readonly WantedVolume[]): Step<Wanted> {
  const made: string[] = [];
  return {
    name: "volumes",
    do: ({ id }, signal) => attachVolumes(deps, id, volumes, made, signal),
    undo: async ({ id }) => undoAttach(deps, id, volumes, made),
  };
}

const adjectives = [
  "amber",
  "brisk",
  "calm",
  "deft",
  "eager",
  "fond",
  "glad",
  "keen",
  "lucid",
  "mild",
  "quick",
  "warm",
];
const animals = [
  "badger",
  "crane",
  "dunlin",
  "finch",
  "heron",
  "lynx",
  "marten",
  "otter",
  "plover",
  "stoat",
  "tern",
  "vole",
];

function pick(words: readonly string[]): string {
  return words[randomInt(words.length)] ?? "vm";
}
