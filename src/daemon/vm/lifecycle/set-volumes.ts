import { BangerError } from "../../../rpc/contract/errors.ts";
import type { Step } from "../../step/step-runner.ts";
import { type AttachDeps, makeVolumes, removeMade } from "../../volume/attach.ts";
import type { NewUse } from "../../volume/volume-records.ts";
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

/** The steps that make what a VM is to have, then take volumes from it and give it others. A VM that runs keeps what it has. */
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
  let uses: readonly NewUse[] = [];
  return [
    {
      name: "make_volumes",
      do: async ({ id }, signal) => {
        uses = await makeVolumes(deps, id, wanted, made, signal);
      },
      undo: async () => removeMade(deps, made),
    },
    {
      // At once: what leaves is nobody's from then on, and may go.
      name: "attach_volumes",
      do: async (now) => {
        const ids = leaving.map(({ id }) => id);
        volumeRecords.exchange(now.id, ids, uses);
      },
      undo: async ({ id }) => {
        volumeRecords.detach(
          id,
          uses.map(({ volumeId }) => volumeId),
        );
        volumeRecords.attach(
          id,
          leaving.map(useOf).filter(({ volumeId }) => volumeRecords.isFree(volumeId)),
        );
      },
    },
  ];
}

function useOf({ id, path, work_disk }: StoredVm["volumes"][number]): NewUse {
  return { volumeId: id, path, workDisk: work_disk };
}

function mustHave({ volumeRecords }: SetVolumesDeps, vm: StoredVm, reference: string): StoredVm["volumes"][number] {
  const { id, name } = volumeRecords.find(reference);
  const volume = vm.volumes.find((one) => one.id === id);
  if (volume !== undefined) return volume;
  throw new BangerError("bad_params", `no_volume: vm ${vm.name} doesn't have ${name}`, {
    details: { field: "no_volume" },
  });
}
