import { BangerError } from "../../rpc/contract/errors.ts";
import { findOne } from "../store/find-one.ts";
import type { Store } from "../store/store.ts";

/** A volume as the store has it. */
export interface StoredVolume {
  readonly id: string;
  readonly name: string;
  readonly size_mib: number;
  readonly created_at: string;
  /** The VM that has it; null: none has. */
  readonly used_by: VolumeUser | null;
}

/** Which VM has a volume, and how. */
interface VolumeUser {
  readonly vm: string;
  readonly vm_id: string;
  readonly path: string;
  readonly work_disk: boolean;
}

/** A volume that a VM comes to have. */
export interface NewUse {
  readonly volumeId: string;
  readonly path: string;
  /** True for the VM's own, which goes with it. */
  readonly workDisk: boolean;
}

/** Of a VM's volumes its work disk has this position, the others have later ones. */
export const workDiskPosition = 0;

const select = `SELECT volumes.*, vms.name AS vm, vms.id AS vm_id, volume_uses.path, volume_uses.position FROM volumes
  LEFT JOIN volume_uses ON volume_uses.volume_id = volumes.id LEFT JOIN vms ON vms.id = volume_uses.vm_id`;

/** The records of volumes, and of which VM has them. */
export class VolumeRecords {
  readonly #database: Store;

  constructor(database: Store) {
    this.#database = database;
  }

  list(): StoredVolume[] {
    return this.#database.prepare(`${select} ORDER BY volumes.created_at, volumes.id`).all().map(volumeOf);
  }

  find(reference: string): StoredVolume {
    const { id } = findOne(this.#database, "volumes", reference);
    return this.must(id);
  }

  must(id: string): StoredVolume {
    const row = this.#database.prepare(`${select} WHERE volumes.id = ?`).get(id);
    if (row === undefined) throw new BangerError("not_found", `no volume has the id ${id} any more`);
    return volumeOf(row);
  }

  named(name: string): StoredVolume | undefined {
    const row = this.#database.prepare(`${select} WHERE volumes.name = ?`).get(name);
    return row === undefined ? undefined : volumeOf(row);
  }

  has(id: string): boolean {
    return this.#database.prepare("SELECT 1 FROM volumes WHERE id = ?").get(id) !== undefined;
  }

  /** True for one that is there and that no VM has. */
  isFree(id: string): boolean {
    return this.has(id) && this.must(id).used_by === null;
  }

  /** With `own` it is the work disk of that VM, at once. */
  insert(
    { id, name, size_mib, created_at }: Omit<StoredVolume, "used_by">,
    own?: { readonly vmId: string; readonly path: string },
  ): void {
    this.#database.write(() => {
      this.#database
        .prepare("INSERT INTO volumes (id, name, size_mib, created_at) VALUES (?, ?, ?, ?)")
        .run(id, name, size_mib, created_at);
      if (own !== undefined) this.attach(own.vmId, [{ volumeId: id, path: own.path, workDisk: true }]);
    });
  }

  resize(id: string, sizeMib: number): void {
    this.#database.prepare("UPDATE volumes SET size_mib = ? WHERE id = ?").run(sizeMib, id);
  }

  delete(id: string): void {
    this.#database.prepare("DELETE FROM volumes WHERE id = ?").run(id);
  }

  /** Gives volumes to a VM: all of them, or none where another VM has come to have one. */
  attach(vmId: string, uses: readonly NewUse[]): void {
    this.#database.write(() => {
      for (const { volumeId, path, workDisk } of uses) {
        mustBeUnused(this.must(volumeId));
        const position = workDisk ? workDiskPosition : this.#nextPosition(vmId);
        this.#database
          .prepare("INSERT INTO volume_uses (vm_id, volume_id, path, position) VALUES (?, ?, ?, ?)")
          .run(vmId, volumeId, path, position);
      }
    });
  }

  /** Takes volumes from a VM, of those that it has; all of them where none is named. */
  detach(vmId: string, volumeIds?: readonly string[]): void {
    this.#database.write(() => {
      if (volumeIds === undefined) {
        this.#database.prepare("DELETE FROM volume_uses WHERE vm_id = ?").run(vmId);
        return;
      }
      const remove = this.#database.prepare("DELETE FROM volume_uses WHERE vm_id = ? AND volume_id = ?");
      for (const id of volumeIds) remove.run(vmId, id);
    });
  }

  /** Takes volumes from a VM and gives it others: all of this, or nothing where another VM has come to have one. */
  exchange(vmId: string, leaving: readonly string[], uses: readonly NewUse[]): void {
    this.#database.write(() => {
      this.detach(vmId, leaving);
      this.attach(vmId, uses);
    });
  }

  #nextPosition(vmId: string): number {
    const row = this.#database.prepare("SELECT max(position) AS last FROM volume_uses WHERE vm_id = ?").get(vmId);
    return Number(row?.["last"] ?? workDiskPosition) + 1;
  }
}

/** Refuses a volume that a VM has, by that VM's name. */
export function mustBeUnused({ name, used_by: user }: StoredVolume): void {
  if (user === null) return;
  throw new BangerError("in_use", `volume: vm ${user.vm} has ${name} (at ${user.path})`, {
    details: {
      field: "volume",
      used_by: [user.vm],
      hint: `\`banger vm set ${user.vm} --no-volume ${name}\` takes it from a VM that doesn't run; deleting the VM does too.`,
    },
  });
}

function volumeOf(row: Record<string, unknown>): StoredVolume {
  const { vm, vm_id, path, position, ...volume } = row;
  const user = { vm, vm_id, path, work_disk: position === workDiskPosition } as VolumeUser;
  return { ...volume, used_by: vm === null ? null : user } as unknown as StoredVolume;
}
