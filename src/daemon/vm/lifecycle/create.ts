import { randomBytes, randomInt } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import { type Installation, parseSubnet } from "../../../installation/install-file.ts";
import type { Layout } from "../../../installation/layout.ts";
import type { DiskKind } from "../../../rpc/contract/disk-kind.ts";
import type { vmContract } from "../../../rpc/contract/vm.ts";
import type { ParamsOf } from "../../../rpc/contract/method.ts";
import { attribute } from "../../../telemetry/names.ts";
import type { ChosenDisk, RootDisks } from "../../disk/root-disks.ts";
import type { ImageService } from "../../image/image-service.ts";
import type { KernelService } from "../../kernel/kernel-service.ts";
import type { OperationContext } from "../../operation/operations.ts";
import type { SshKeys } from "../../ssh/ssh-keys.ts";
import type { Step, StepRunner } from "../../step/step-runner.ts";
import { mustBootWith } from "../admission.ts";
import { labelsOf } from "../labels.ts";
import type { NewVm, StoredVm, VmRecords } from "../vm-records.ts";

/** What creating a VM needs. */
export interface CreateDeps {
  readonly installation: Installation;
  readonly layout: Layout;
  readonly records: VmRecords;
  readonly images: Pick<ImageService, "find" | "default">;
  readonly kernels: Pick<KernelService, "find" | "default">;
  readonly disks: Pick<RootDisks, "create" | "remove">;
  readonly keys: SshKeys;
  readonly steps: StepRunner;
}

const mib = 1024 * 1024;
/** What a guest sees of its root disk, unless its image has more: it takes space only as it is written. */
const defaultDiskMib = 20_480;

/** Makes a VM: its record first, which reserves name and address, then a directory with its disk and host key. `removeAtEnd`: it goes with the command that it is made for. */
export async function createVm(
  deps: CreateDeps,
  params: ParamsOf<typeof vmContract.vmCreate>,
  context: OperationContext,
  { removeAtEnd = false } = {},
): Promise<StoredVm> {
  const image = params.image === undefined ? deps.images.default() : deps.images.find(params.image);
  const kernel = params.kernel === undefined ? deps.kernels.default() : deps.kernels.find(params.kernel);
  mustBootWith(params.memory_mib, kernel);
  if (params.name !== undefined) deps.records.mustBeFree(params.name);
  const id = randomBytes(8).toString("hex");
  const imageMib = Math.ceil(image.size / mib);
  const vm = {
    id,
    name: params.name ?? `${pick(adjectives)}-${pick(animals)}-${id.slice(0, 4)}`,
    imageId: image.id,
    kernelId: kernel.id,
    vmm: "qemu" as const,
    cpus: params.cpus,
    memory_mib: params.memory_mib,
    network: params.network,
    labels: labelsOf(params.label),
    remove_at_end: removeAtEnd,
    disk_mib: params.disk_mib ?? Math.max(defaultDiskMib, imageMib),
    mac: `02:${id.slice(0, 10).replace(/..(?!$)/g, "$&:")}`,
  };
  await deps.steps.run({
    operation: "vm.create",
    subject: vm,
    context,
    attributes: { [attribute.vmId]: vm.id, [attribute.vmName]: vm.name },
    steps: createSteps(deps, params.disk_kind ?? "auto"),
  });
  return deps.records.must(vm.id);
}

/** A VM that is to be made, before it has an address. */
type Wanted = Omit<NewVm, "address">;

function createSteps(
  { installation, layout, disks, keys, records }: CreateDeps,
  kind: DiskKind | "auto",
): Step<Wanted>[] {
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
        chosen = await disks.create({ id: vm.id, image, kind, sizeMib: vm.disk_mib, signal });
      },
      undo: (vm) => disks.remove(vm.id),
    },
    {
      name: "host_key",
      do: (vm) => keys.makeHostKey(layout.vm(vm.id), vm.id),
      undo: removeDirectory,
    },
    {
      name: "created",
      do: async (vm) => {
        if (chosen === undefined) throw new Error("a VM is created without a disk");
        records.update(vm.id, { state: "created", disk_kind: chosen.kind, disk_why: chosen.why });
      },
      undo: { none: "the record goes with its first step" },
    },
  ];
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
