import { formatIpv4, type Subnet } from "../../installation/install-file.ts";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { DiskKind } from "../../rpc/contract/disk-kind.ts";
import type { Vm } from "../../rpc/contract/vm.ts";
import type { AccelWish, VmmWish } from "../../rpc/contract/vmm-kind.ts";
import { findOne } from "../store/find-one.ts";
import { workDiskPosition } from "../volume/volume-records.ts";
import type { Store } from "../store/store.ts";
import { Changes } from "./changes.ts";
import { LastUses } from "./last-uses.ts";
import { activeStates, type VmState } from "./state.ts";
import { columnsOf, vmOf } from "./vm-row.ts";

/** What a new VM is. */
export type NewVm = Pick<Vm, "id" | "name" | "vmm" | "cpus" | "memory_mib" | "disk_mib" | "address" | "mac"> &
  Pick<StoredVm, "network"> &
  Partial<
    Pick<
      StoredVm,
      | "labels"
      | "remove_at_end"
      | "ttl_s"
      | "idle_s"
      | "autostart"
      | "on_reboot"
      | "vmm_wanted"
      | "accel_wanted"
      | "vmm_why"
    >
  > & {
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
  vmm?: Vm["vmm"];
  vmm_why?: string | null;
  vmm_wanted?: VmmWish;
  accel_wanted?: AccelWish;
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
  cpus?: number;
  memory_mib?: number;
  network?: StoredVm["network"];
  labels?: StoredVm["labels"];
  ttl_s?: number | null;
  idle_s?: number | null;
  autostart?: boolean;
  on_reboot?: StoredVm["on_reboot"];
  /** Why banger stopped it without being asked to. */
  stopped_for?: StoredVm["stopped_for"];
  /** What it keeps until its next start, of fields that were changed while it ran. */
  waits?: StoredVm["waits"];
}

/** A VM as the store has it: with what nobody outside is shown. */
export interface StoredVm extends Vm {
  readonly network: NonNullable<Vm["network"]>;
  readonly disk_kind: DiskKind;
  readonly vmm_wanted: VmmWish;
  readonly vmm_why: string | null;
  readonly accel_wanted: AccelWish;
  readonly boot_id: string | null;
  readonly started_by: string | null;
  readonly stop_by: string | null;
  readonly exit: NonNullable<Vm["exit"]> | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly remove_at_end: boolean;
  readonly ttl_s: number | null;
  readonly idle_s: number | null;
  readonly autostart: boolean;
  readonly on_reboot: NonNullable<Vm["on_reboot"]>;
  readonly stopped_for: NonNullable<Vm["stopped_for"]> | null;
  readonly waits: NonNullable<Vm["waits"]>;
  readonly volumes: NonNullable<Vm["volumes"]>;
}

/** What is compared with the host; its network is the one that it runs with. */
export type VmOutline = Pick<StoredVm, "id" | "name" | "state" | "generation" | "stop_by" | "network">;

const itsVolumes = `SELECT json_group_array(json_object('id', volumes.id, 'name', volumes.name, 'path', volume_uses.path,
  'size_mib', volumes.size_mib, 'work_disk', json(iif(volume_uses.position = ${workDiskPosition}, 'true', 'false'))) ORDER BY volume_uses.position)
  FROM volume_uses JOIN volumes ON volumes.id = volume_uses.volume_id WHERE volume_uses.vm_id = vms.id`;

const select = `SELECT vms.*, images.name AS image_name, kernels.name AS kernel_name, (${itsVolumes}) AS volumes FROM vms
  JOIN images ON images.id = vms.image_id JOIN kernels ON kernels.id = vms.kernel_id`;

/** As it runs, a change that waits for the next start apart. */
const networkNow = "coalesce(json_extract(waits, '$.network'), network)";
const activeOnes = [...activeStates].map((state) => `'${state}'`).join(", ");
const isReachable = `state = 'running' AND ${networkNow} IS NOT 'none'`;

/** Who is told what becomes of records, beside being kept. */
export interface VmRecordsListeners {
  /** A VM is used now. */
  readonly onUse?: (vmId: string) => void;
  /** A person means this VM, to do something with it. */
  readonly onMeant?: (vm: StoredVm) => void;
}

/** The VMs that there are: the record, of which run-time handles are only a cache. */
export class VmRecords {
  readonly #database: Store;
  readonly #now: () => Date;
  readonly #onUse: (vmId: string) => void;
  readonly #onMeant: (vm: StoredVm) => void;
  readonly #uses: LastUses;
  readonly #changes = new Changes();

  constructor(
    database: Store,
    now: () => Date,
    complain: (error: unknown) => void,
    { onUse = () => undefined, onMeant = () => undefined }: VmRecordsListeners = {},
  ) {
    this.#database = database;
    this.#now = now;
    this.#onUse = onUse;
    this.#onMeant = onMeant;
    this.#uses = new LastUses({ database, now, complain });
  }

  list(): StoredVm[] {
    return this.#all("");
  }

  /** The VMs that may hold something on the host: few, however many there are. */
  active(): StoredVm[] {
    return this.#all(`WHERE vms.state IN (${activeOnes})`);
  }

  /** Of all VMs what the host is compared with, for a fraction of what all of them cost. */
  outlines(): VmOutline[] {
    const columns = `id, name, state, generation, stop_by, iif(state IN (${activeOnes}), ${networkNow}, network) AS network`;
    return this.#database.prepare(`SELECT ${columns} FROM vms ORDER BY created_at, id`).all() as unknown as VmOutline[];
  }

  #all(where: string): StoredVm[] {
    return this.#database
      .prepare(`${select} ${where} ORDER BY vms.created_at, vms.id`)
      .all()
      .map((row) => this.#vmOf(row));
  }

  get(id: string): StoredVm | undefined {
    const row = this.#database.prepare(`${select} WHERE vms.id = ?`).get(id);
    return row === undefined ? undefined : this.#vmOf(row);
  }

  /** The VM that a person means, who only looks at it. */
  named(reference: string): StoredVm {
    return this.must(findOne(this.#database, "vms", reference).id);
  }

  /** The VM that a person means; it counts as used. */
  use(reference: string): StoredVm {
    const { id } = findOne(this.#database, "vms", reference);
    this.touch(id);
    const vm = this.must(id);
    this.#onMeant(vm);
    return vm;
  }

  /** A VM is used now. That is written a little later: nobody waits for the disk. */
  touch(id: string): void {
    this.#uses.touch(id);
    this.#onUse(id);
  }

  /** Writes when VMs were last used. */
  flush(): void {
    this.#uses.flush();
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

  /** Does all that `work` writes, or nothing of it. */
  write(work: () => void): void {
    this.#database.write(work);
  }

  /** False for a guest that is to reach nothing beyond the bridge. */
  reachesOutside(address: string): boolean {
    return (
      this.#database.prepare(`SELECT 1 FROM vms WHERE address = ? AND ${networkNow} = 'isolated'`).get(address) ===
      undefined
    );
  }

  delete(id: string): void {
    this.#database.prepare("DELETE FROM vms WHERE id = ?").run(id);
    this.#changed();
  }

  /** Resolves when a VM is as `fits` says, or isn't there any more, or `signal` aborts. */
  async until(id: string, fits: (vm: StoredVm) => boolean, signal: AbortSignal): Promise<void> {
    for (let vm = this.get(id); vm !== undefined && !fits(vm) && !signal.aborted; vm = this.get(id)) {
      await this.changed(signal);
    }
  }

  /** Resolves when a VM is another than it is now, when its last use is all that changed excepted. */
  changed(signal?: AbortSignal): Promise<void> {
    return this.#changes.next(signal);
  }

  #changed(): void {
    this.#changes.came();
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
    return { ...vm, last_used_at: this.#uses.of(vm.id) ?? vm.last_used_at };
  }

  must(id: string): StoredVm {
    const vm = this.get(id);
    if (vm === undefined) throw new BangerError("not_found", `no VM has the id ${id} any more`);
    return vm;
  }
}
