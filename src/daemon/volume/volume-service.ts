import { randomBytes } from "node:crypto";
import type { ParamsOf } from "../../rpc/contract/method.ts";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { Volume, volumeContract } from "../../rpc/contract/volume.ts";
import type { Store } from "../store/store.ts";
import { growVolumeDisk, makeVolumeDisk, removeVolumeDisk, usedMib, type VolumeDiskDeps } from "./volume-disk.ts";
import { mustBeUnused, type StoredVolume, type VolumeRecords } from "./volume-records.ts";

/** What the volume service needs. */
export interface VolumeServiceDeps extends VolumeDiskDeps {
  readonly records: VolumeRecords;
  readonly database: Pick<Store, "mustHaveRoom">;
  readonly now: () => Date;
  /** Whether a VMM has, or may come to have, the VM's disks open. */
  readonly isActive: (vmId: string) => boolean;
}

type Params<M extends keyof typeof volumeContract> = ParamsOf<(typeof volumeContract)[M]>;

/** Disks that outlive the VMs that have them. What is looked at and then changed is changed before anything is awaited. */
export class VolumeService {
  readonly #deps: VolumeServiceDeps;

  constructor(deps: VolumeServiceDeps) {
    this.#deps = deps;
  }

  list(): Volume[] {
    return this.#deps.records.list().map((volume) => this.#shown(volume));
  }

  show(reference: string): Volume {
    return this.#shown(this.#deps.records.find(reference));
  }

  /** Makes one; with `own` as the work disk of that VM. */
  async create(
    { name, size_mib: sizeMib }: Params<"volumeCreate">,
    signal: AbortSignal,
    own?: { readonly vmId: string; readonly path: string },
  ): Promise<Volume> {
    const { records, database, now } = this.#deps;
    this.mustBeFree(name);
    await database.mustHaveRoom();
    const id = randomBytes(8).toString("hex");
    await makeVolumeDisk(this.#deps, { id, sizeMib, signal }, () => {
      this.mustBeFree(name);
      records.insert({ id, name, size_mib: sizeMib, created_at: now().toISOString() }, own);
    });
    return this.#shown(records.must(id));
  }

  /** Makes one larger. A VM that has it may not run: its guest would see nothing of it. */
  grow({ volume: reference, size_mib: sizeMib }: Params<"volumeSet">): Volume & { readonly unchanged?: true } {
    const { records, isActive } = this.#deps;
    const volume = records.find(reference);
    const { id, name, size_mib: now, used_by: user } = volume;
    if (sizeMib < now) {
      throw new BangerError("bad_params", `size_mib: ${name} has ${now} MiB, and is only made larger`, {
        details: { field: "size_mib", least: now },
      });
    }
    if (sizeMib === now) return { ...this.#shown(volume), unchanged: true };
    if (user !== null && isActive(user.vm_id)) {
      throw new BangerError("in_use", `volume: vm ${user.vm} runs with ${name}; stop it first`, {
        details: { field: "volume", used_by: [user.vm], hint: `\`banger vm stop ${user.vm}\`, then try again.` },
      });
    }
    if (usedMib(this.#deps, id) === null) {
      const details = { field: "volume", hint: "`banger doctor` says where it was." };
      throw new BangerError("not_found", `volume: the disk of ${name} is missing`, { details });
    }
    growVolumeDisk(this.#deps, id, sizeMib);
    records.resize(id, sizeMib);
    return this.#shown(records.must(id));
  }

  /** Removes one that no VM has. */
  remove(reference: string): { id: string; name: string } {
    return this.removeThis(this.#deps.records.find(reference).id);
  }

  /** Removes the one that has this very id: another one could be called so. */
  removeThis(id: string): { id: string; name: string } {
    const { records } = this.#deps;
    const volume = records.must(id);
    mustBeUnused(volume);
    removeVolumeDisk(this.#deps, id, () => records.delete(id));
    return { id, name: volume.name };
  }

  mustBeFree(name: string): void {
    if (this.#deps.records.named(name) === undefined) return;
    throw new BangerError("already_exists", `name: a volume is called ${name} already`, { details: { field: "name" } });
  }

  #shown(volume: StoredVolume): Volume {
    return { ...volume, used_mib: usedMib(this.#deps, volume.id) };
  }
}
