import { BangerError } from "../../../rpc/contract/errors.ts";
import type { Step } from "../../step/step-runner.ts";
import { type AttachDeps, attachVolumes, undoAttach } from "../../volume/attach.ts";
import { wantedVolumes } from "../../volume/wanted-volumes.ts";
import { activeStates } from "../state.ts";
import type { StoredVm } from "../vm-records.ts";

/** What changing a VM's volumes needs. */
export type SetVolumesDeps = AttachDeps;

/** Which volumes a VM is to have and to lose. */
export interface VolumeChange {
  /** `NAME:/PATH[:SIZE]`. */
  readonly attach: readonly string[];
  /** Names or ids, or unique prefixes. */
  readonly detach: readonly string[];
}

/** The steps that take volumes from a VM and give it others, in that order. A VM that runs keeps what it has. */
export function setVolumesSteps(deps: SetVolumesDeps, vm: StoredVm, change: VolumeChange): Step<StoredVm>[] {
  if (change.attach.length + change.detach.length === 0) return [];
  if (activeStates.has(vm.state)) {
    throw new BangerError("wrong_state", `vm ${vm.name} is ${vm.state}: its volumes are changed while it doesn't run`, {
      details: { hint: `\`banger vm stop ${vm.name}\`, then try again.` },
    });
  }
  const { volumeRecords } = deps;
  const leaving = change.detach.map((reference) => mustHave(deps, vm, reference));
  const leaves = (id: string) => leaving.some((gone) => gone.id === id);
  const stay = vm.volumes.filter(({ id }) => !leaves(id));
  // One that leaves may come to another place.
  const named = (name: string) => {
    const there = volumeRecords.named(name);
    return there !== undefined && leaves(there.id) ? { ...there, used_by: null } : there;
  };
  const wanted = wantedVolumes({ vm: vm.name, volume: change.attach }, named, stay);
  const made: string[] = [];
  return [
    {
      name: "detach_volumes",
      do: async ({ id }) => {
        volumeRecords.detach(
          id,
          leaving.map((volume) => volume.id),
        );
      },
      undo: async ({ id }) => {
        const uses = leaving.map((volume) => ({ volumeId: volume.id, path: volume.path, workDisk: volume.work_disk }));
        const lost = uses.filter(({ volumeId }) => volumeRecords.must(volumeId).used_by === null);
        volumeRecords.attach(id, lost);
      },
    },
    {
      name: "attach_volumes",
      do: ({ id }, signal) => attachVolumes(deps, id, wanted, made, signal),
      undo: async ({ id }) => undoAttach(deps, id, wanted, made),
    },
  ];
}

function mustHave({ volumeRecords }: SetVolumesDeps, vm: StoredVm, reference: string): StoredVm["volumes"][number] {
  const { id, name } = volumeRecords.find(reference);
  const volume = vm.volumes.find((one) => one.id === id);
  if (volume !== undefined) return volume;
  throw new BangerError("bad_params", `no_volume: vm ${vm.name} doesn't have ${name}`, {
    details: { field: "no_volume" },
  });
}
