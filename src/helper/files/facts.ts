import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { BangerError } from "../../rpc/contract/errors.ts";

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
  readonly tap?: { readonly address: string; readonly mac: string; readonly generation?: number };
  readonly vmm?: Partial<ProcessFacts> & {
    readonly generation: number;
    readonly started_at: string;
    /** Its parent, which writes down how it ends. */
    readonly recorder?: ProcessFacts;
  };
  /** How its last VMM ended, once that is known; until the next start, or until nothing else is remembered. */
  readonly exit?: VmmExit;
}

/** How a VMM's process ended; both null when its recorder was killed too. */
export interface VmmExit {
  readonly generation: number;
  readonly status: number | null;
  readonly signal: number | null;
  readonly at: string;
}

/** What root remembers of the network. */
export interface NetworkFacts {
  /** The bridge is, or was about to be, made. */
  readonly bridge?: boolean;
  /** What net.ipv4.ip_forward was before banger changed it. */
  readonly ip_forward_was?: "0" | "1";
}

/** The helper's only state: small root-owned files, kept in memory while it runs. */
export class Facts {
  readonly #directory: string;
  readonly #vms = new Map<string, VmFacts>();
  #network: NetworkFacts = {};

  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const file of readdirSync(directory)) {
      if (file === "network.json") this.#network = read<NetworkFacts>(join(directory, file));
      else if (/^[0-9a-f]{16}\.json$/.test(file))
        this.#vms.set(file.slice(0, 16), read<VmFacts>(join(directory, file)));
      else rmSync(join(directory, file), { force: true });
    }
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
    if (facts.bridge === true || facts.ip_forward_was !== undefined) this.#write("network.json", facts);
    else rmSync(join(this.#directory, "network.json"), { force: true });
    this.#network = facts;
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
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
      throw new BangerError("no_space", `the helper's run directory is full: ${path} can't be written`, {
        cause: error,
      });
    }
  }
}

function read<T>(path: string): T {
  return JSON.parse(readFileSync(path, "utf8")) as T;
}
