import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { isLastUid, isNetworkFacts, isVmFacts, readFactsFile, unwritable } from "./facts-file.ts";

const networkName = "network.json";
const lastUidName = "last-uid.json";

/** A process, told apart from a later one that got its pid. */
export interface ProcessFacts {
  readonly pid: number;
  /** Clock ticks from the kernel's boot (proc(5), field 22). */
  readonly starttime: string;
  readonly boot_id: string;
}

/** What root remembers of one VM. It is written before it is true, so that a crash loses nothing. */
export interface VmFacts {
  readonly vm_id: string;
  /** The uid that the VM's VMM and tap have. */
  readonly uid: number;
  readonly tap?: {
    readonly address: string;
    readonly mac: string;
    readonly generation?: number;
    /** Its guest reaches nothing beyond the bridge. */
    readonly isolated?: boolean;
  };
  readonly vmm?: Partial<ProcessFacts> & {
    readonly generation: number;
    readonly started_at: string;
    /** Its parent, which writes down how it ends. */
    readonly recorder?: ProcessFacts;
    /** Absent for QEMU. */
    readonly kind?: "firecracker";
    /** The ids of its volumes; absent where that isn't known. */
    readonly volumes?: readonly string[];
  };
  /** Its root disk is, or was about to be, a device. */
  readonly disk?: { readonly generation: number };
  /** How its last VMM ended, once that is known; until the next start, or until nothing else is remembered. */
  readonly exit?: VmmExit;
}

/** How a VMM's process ended; both null when its recorder was killed too. */
export interface VmmExit {
  readonly generation: number;
  readonly status: number | null;
  readonly signal: number | null;
  readonly at: string;
  /** The kernel killed it, because there was no memory left. */
  readonly out_of_memory?: true;
}

/** What root remembers of the network. */
export interface NetworkFacts {
  /** The bridge is, or was about to be, made. */
  readonly bridge?: boolean;
  /** The link of names is, or was about to be, made. */
  readonly names?: boolean;
  /** What net.ipv4.ip_forward was before banger changed it. */
  readonly ip_forward_was?: "0" | "1";
}

/** What facts are read with. */
export interface FactsDeps {
  readonly directory: string;
  /** What is known of a VM whose file is spoilt. */
  readonly recover: (vmId: string) => VmFacts | undefined;
  /** Hears of each file that was laid aside. */
  readonly spoilt: (file: string, why: string) => void;
}

/** The helper's only state: small root-owned files, kept in memory while it runs. */
export class Facts {
  readonly #directory: string;
  readonly #vms = new Map<string, VmFacts>();
  #network: NetworkFacts = {};
  #lastUid: number | undefined;

  constructor({ directory, recover, spoilt }: FactsDeps) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const known = <T>(file: string, is: (value: unknown) => value is T): T | undefined => {
      const read = readFactsFile(join(directory, file), is);
      if ("facts" in read) return read.facts;
      spoilt(join(directory, file), read.laidAside);
      return undefined;
    };
    for (const file of readdirSync(directory)) {
      const vmId = /^([0-9a-f]{16})\.json$/.exec(file)?.[1];
      if (file === networkName) this.#network = known(file, isNetworkFacts) ?? {};
      else if (file === lastUidName) this.#lastUid = known(file, isLastUid)?.uid;
      else if (vmId !== undefined) this.#take(vmId, known(file, isVmFacts), recover);
      else if (file.endsWith(".new")) rmSync(join(directory, file), { recursive: true, force: true });
    }
    // There from the start: what is given out later leaves no file that wasn't.
    if (this.#lastUid === undefined) this.#write(lastUidName, {});
  }

  #take(vmId: string, facts: VmFacts | undefined, recover: FactsDeps["recover"]): void {
    const known = facts?.vm_id === vmId ? facts : recover(vmId);
    if (known === undefined) return;
    if (known === facts) this.#vms.set(vmId, known);
    else this.putVm(known);
  }

  vm(vmId: string): VmFacts | undefined {
    return this.#vms.get(vmId);
  }

  vms(): VmFacts[] {
    return [...this.#vms.values()];
  }

  putVm(facts: VmFacts): void {
    this.#write(`${facts.vm_id}.json`, facts);
    this.#vms.set(facts.vm_id, facts);
  }

  removeVm(vmId: string): void {
    rmSync(join(this.#directory, `${vmId}.json`), { force: true });
    this.#vms.delete(vmId);
  }

  get network(): NetworkFacts {
    return this.#network;
  }

  /** Remembers facts of the network; none at all leave no file. */
  putNetwork(facts: NetworkFacts): void {
    if (facts.bridge === true || facts.names === true || facts.ip_forward_was !== undefined)
      this.#write(networkName, facts);
    else rmSync(join(this.#directory, networkName), { force: true });
    this.#network = facts;
  }

  /** The uid that was given out last; lost with the run directory, and no harm done. */
  get lastUid(): number | undefined {
    return this.#lastUid;
  }

  putLastUid(uid: number): void {
    this.#write(lastUidName, { uid });
    this.#lastUid = uid;
  }

  #write(name: string, value: unknown): void {
    const path = join(this.#directory, name);
    const draft = `${path}.new`;
    try {
      const fd = openSync(draft, "w", 0o600);
      try {
        writeSync(fd, JSON.stringify(value));
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
      renameSync(draft, path);
    } catch (error) {
      rmSync(draft, { force: true });
      throw unwritable(path, error);
    }
  }
}
