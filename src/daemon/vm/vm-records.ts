import { formatIpv4, type Subnet } from "../../installation/install-file.ts";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { DiskKind } from "../../rpc/contract/disk-kind.ts";
import type { Vm } from "../../rpc/contract/vm.ts";
import { findOne } from "../store/find-one.ts";
import type { VmState } from "./state.ts";
import type { Store } from "../store/store.ts";

/** What a new VM is. */
export type NewVm = Pick<Vm, "id" | "name" | "vmm" | "cpus" | "memory_mib" | "disk_mib" | "address" | "mac"> &
  Pick<StoredVm, "network"> &
  Partial<Pick<StoredVm, "labels" | "remove_at_end">> & {
    readonly imageId: string;
    readonly kernelId: string;
  };

/** What of a VM changes in its life. */
export interface VmChange {
  name?: string;
  state?: VmState;
  disk_mib?: number;
  disk_kind?: DiskKind;
  disk_why?: string;
  accel?: Vm["accel"];
  accel_why?: string | null;
  pid?: number | null;
  generation?: number;
  started_at?: string | null;
  /** In which run of the host it was started. */
  boot_id?: string;
  /** The trace of its start, as a traceparent. */
  started_by?: string | null;
  /** When a guest that was asked to go is taken away; null: its end is waited for. */
  stop_by?: string | null;
  exit?: Vm["exit"];
  error?: Vm["error"];
}

/** A VM as the store has it: with what nobody outside is shown. */
export interface StoredVm extends Vm {
  readonly network: NonNullable<Vm["network"]>;
  readonly disk_kind: DiskKind;
  readonly boot_id: string | null;
  readonly started_by: string | null;
  readonly stop_by: string | null;
  readonly exit: NonNullable<Vm["exit"]> | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly remove_at_end: boolean;
}

/** When VMs were last used is written so much later. */
const flushAfterMs = 1_000;

const select = `SELECT vms.*, images.name AS image_name, kernels.name AS kernel_name FROM vms
  JOIN images ON images.id = vms.image_id JOIN kernels ON kernels.id = vms.kernel_id`;

const isReachable = "state = 'running' AND network IS NOT 'none'";

/** The VMs that there are: the record, of which run-time handles are only a cache. */
export class VmRecords {
  readonly #database: Store;
  readonly #now: () => Date;
  readonly #complain: (error: unknown) => void;
  readonly #used = new Map<string, string>();
  #flushing: NodeJS.Timeout | undefined;
  #change = Promise.withResolvers<void>();

  constructor(database: Store, now: () => Date, complain: (error: unknown) => void) {
    this.#database = database;
    this.#now = now;
    this.#complain = complain;
  }

  list(): StoredVm[] {
    return this.#database
      .prepare(`${select} ORDER BY vms.created_at, vms.id`)
      .all()
      .map((row) => this.#vmOf(row));
  }

  get(id: string): StoredVm | undefined {
    const row = this.#database.prepare(`${select} WHERE vms.id = ?`).get(id);
    return row === undefined ? undefined : this.#vmOf(row);
  }

  /** The VM that a person means; it counts as used. That is written a little later: nobody waits for the disk. */
  use(reference: string): StoredVm {
    const { id } = findOne(this.#database, "vms", reference);
    this.#used.set(id, this.#now().toISOString());
    this.#flushing ??= setTimeout(() => this.flush(), flushAfterMs).unref();
    return this.must(id);
  }

  /** Writes when VMs were last used. What can't be written now, on a full disk say, is written the next time. */
  flush(): void {
    clearTimeout(this.#flushing);
    this.#flushing = undefined;
    try {
      this.#database.writeUnlessFull(() => {
        const write = this.#database.prepare("UPDATE vms SET last_used_at = ? WHERE id = ?");
        for (const [id, at] of this.#used) write.run(at, id);
      });
      this.#used.clear();
    } catch (error) {
      this.#complain(error);
    }
  }

  /** Refuses what takes space, on a full disk. */
  mustHaveRoom(): Promise<void> {
    return this.#database.mustHaveRoom();
  }

  insert({ imageId, kernelId, ...vm }: NewVm): void {
    const now = this.#now().toISOString();
    const row = {
      ...vm,
      image_id: imageId,
      kernel_id: kernelId,
      state: "creating",
      generation: 0,
      created_at: now,
      last_used_at: now,
    };
    const columns = columnsOf(row);
    const names = columns.map(([name]) => name).join(", ");
    const places = columns.map(() => "?").join(", ");
    this.#database.prepare(`INSERT INTO vms (${names}) VALUES (${places})`).run(...columns.map(([, value]) => value));
    this.#changed();
  }

  /** Changes a VM durably, and says what it is now. */
  update(id: string, change: VmChange): StoredVm {
    const columns = columnsOf(change);
    const assignments = columns.map(([column]) => `${column} = ?`).join(", ");
    this.#database.prepare(`UPDATE vms SET ${assignments} WHERE id = ?`).run(...columns.map(([, value]) => value), id);
    this.#changed();
    return this.must(id);
  }

  /** False for a guest that is to reach nothing beyond the bridge. */
  reachesOutside(address: string): boolean {
    return (
      this.#database.prepare("SELECT 1 FROM vms WHERE address = ? AND network = 'isolated'").get(address) === undefined
    );
  }

  delete(id: string): void {
    this.#database.prepare("DELETE FROM vms WHERE id = ?").run(id);
    this.#changed();
  }

  /** Resolves when a VM is as `fits` says, or isn't there any more, or `signal` aborts. */
  async until(id: string, fits: (vm: StoredVm) => boolean, signal: AbortSignal): Promise<void> {
    for (let vm = this.get(id); vm !== undefined && !fits(vm) && !signal.aborted; vm = this.get(id)) {
      const changed = this.#change.promise;
      const left = Promise.withResolvers<void>();
      signal.addEventListener("abort", left.resolve as () => void, { once: true });
      await Promise.race([changed, left.promise]);
      signal.removeEventListener("abort", left.resolve as () => void);
    }
  }

  /** Resolves when a VM is another than it is now, when its last use is all that changed excepted. */
  get changed(): Promise<void> {
    return this.#change.promise;
  }

  #changed(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers();
  }

  /** The address of the VM of this name, if it runs and has a network. */
  addressOf(name: string): string | undefined {
    return this.#textOf(`SELECT address FROM vms WHERE name = ? AND ${isReachable}`, name);
  }

  /** The name of the VM that runs with this address. */
  nameAt(address: string): string | undefined {
    return this.#textOf(`SELECT name FROM vms WHERE address = ? AND ${isReachable}`, address);
  }

  #textOf(query: string, value: string): string | undefined {
    const [found] = Object.values(this.#database.prepare(query).get(value) ?? {});
    return found === undefined ? undefined : String(found);
  }

  mustBeFree(name: string): void {
    if (this.#database.prepare("SELECT 1 FROM vms WHERE name = ?").get(name) !== undefined) {
      throw new BangerError("already_exists", `name: a VM is called ${name} already`, { details: { field: "name" } });
    }
  }

  /** The lowest address of the subnet that no VM and not the bridge has. */
  freeAddress(subnet: Subnet): string {
    const taken = new Set(
      this.#database
        .prepare("SELECT address FROM vms")
        .all()
        .map((row) => row["address"]),
    );
    for (let address = subnet.first + 1; address <= subnet.last; address++) {
      const text = formatIpv4(address);
      if (!taken.has(text)) return text;
    }
    throw new BangerError("no_space", "every address of the subnet is taken", {
      details: { hint: "Delete a VM: its address is given to the next one." },
    });
  }

  #vmOf(row: Record<string, unknown>): StoredVm {
    const vm = vmOf(row);
    return { ...vm, last_used_at: this.#used.get(vm.id) ?? vm.last_used_at };
  }

  must(id: string): StoredVm {
    const vm = this.get(id);
    if (vm === undefined) throw new BangerError("not_found", `no VM has the id ${id} any more`);
    return vm;
  }
}

/** The columns of a row; what is an object is JSON there, and a truth a number. */
function columnsOf(row: object): [string, string | number | null][] {
  return Object.entries(row).map(([name, value]) => [
    name,
    typeof value === "object" && value !== null
      ? JSON.stringify(value)
      : typeof value === "boolean"
        ? Number(value)
        : (value as string | number | null),
  ]);
}

function vmOf(row: Record<string, unknown>): StoredVm {
  const { image_id, image_name, kernel_id, kernel_name, error, exit, labels, remove_at_end, ...rest } = row;
  return {
    ...(rest as Omit<StoredVm, "image" | "kernel" | "error" | "exit" | "health" | "labels" | "remove_at_end">),
    // Known only of a VM that runs, and not by its record.
    health: null,
    image: { id: image_id as string, name: image_name as string },
    kernel: { id: kernel_id as string, name: kernel_name as string },
    labels: JSON.parse(String(labels)) as StoredVm["labels"],
    remove_at_end: remove_at_end === 1,
    error: typeof error === "string" ? (JSON.parse(error) as Vm["error"]) : null,
    exit: typeof exit === "string" ? (JSON.parse(exit) as StoredVm["exit"]) : null,
  };
}
