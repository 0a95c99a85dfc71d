import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { z } from "zod";
import type { StoredVm } from "../vm-records.ts";

/** What counting VMs' time needs. */
export interface RunTimesDeps {
  /** Where it is kept for the next daemon. */
  readonly path: string;
  /** Which run of the host this is: the clock begins anew with it. */
  readonly bootId: string;
  readonly now: () => Date;
  /** Milliseconds by a clock that nobody sets, that stands still while the host sleeps, and that each process of a run of the host shares. */
  readonly uptimeMs: () => number;
  readonly complain: (error: unknown) => void;
}

const mark = z.object({
  /** The VM's highest start that this counts for: a guest's own reboot goes on counting. */
  generation: z.int(),
  started_ms: z.number(),
  used_ms: z.number(),
  /** Somebody was attached when it was written, so its last use was the end of that daemon. */
  held: z.literal(true).optional(),
});
const kept = z.object({ boot_id: z.string(), vms: z.record(z.string(), mark) });
type KeptMark = z.output<typeof mark>;
type Mark = Omit<KeptMark, "held">;
type Counted = Pick<StoredVm, "id" | "generation" | "started_at" | "last_used_at">;

/** It is written so much later: many uses come together. */
const writeAfterMs = 1_000;

/**
 * Since when VMs run and aren't used, by a clock that nobody sets. A record has these as dates, by which a VM would end early when the
 * clock is set forth; they count only for a VM of which no daemon of this run of the host kept anything better.
 */
export class RunTimes {
  readonly #deps: RunTimesDeps;
  readonly #marks = new Map<string, Mark>();
  /** The VMs that somebody is attached to. */
  readonly #held = new Set<string>();
  #writing: NodeJS.Timeout | undefined;

  constructor(deps: RunTimesDeps) {
    this.#deps = deps;
    for (const [id, { held, ...known }] of Object.entries(read(deps))) {
      if (held) this.#set(id, { ...known, used_ms: deps.uptimeMs() });
      else this.#marks.set(id, known);
    }
  }

  /** Since when a VM runs, and when it was used last. */
  of(vm: Counted): { readonly startedMs: number; readonly usedMs: number } {
    const known = this.#marks.get(vm.id);
    if (known !== undefined && known.generation >= vm.generation) {
      return { startedMs: known.started_ms, usedMs: known.used_ms };
    }
    const { id, generation, started_at, last_used_at } = vm;
    const made = {
      generation,
      started_ms: this.#estimate(started_at),
      used_ms: Math.max(known?.used_ms ?? 0, this.#estimate(last_used_at)),
    };
    this.#set(id, made);
    return { startedMs: made.started_ms, usedMs: made.used_ms };
  }

  /** A VM is used now. */
  used(vmId: string): void {
    const known = this.#marks.get(vmId);
    if (known !== undefined) this.#set(vmId, { ...known, used_ms: this.#deps.uptimeMs() });
  }

  /** Somebody is attached to a VM, or nobody is any more. */
  held(vmId: string, is: boolean): void {
    if (is) this.#held.add(vmId);
    else this.#held.delete(vmId);
    this.#writeSoon();
  }

  /** A guest reboots: its next start goes on counting from the first one. */
  goesOn(vm: Counted): void {
    this.of(vm);
    const known = this.#marks.get(vm.id);
    if (known !== undefined) this.#set(vm.id, { ...known, generation: vm.generation + 1 });
  }

  /** Forgets all but these VMs. */
  keepOnly(vmIds: ReadonlySet<string>): void {
    for (const id of this.#marks.keys()) if (!vmIds.has(id)) this.#marks.delete(id);
  }

  /** Writes what the next daemon goes on with. */
  flush(): void {
    if (this.#writing === undefined) return;
    clearTimeout(this.#writing);
    this.#writing = undefined;
    const { path, bootId: boot_id, complain } = this.#deps;
    const vms = [...this.#marks].map(([id, known]) => [id, this.#held.has(id) ? { ...known, held: true } : known]);
    try {
      writeFileSync(`${path}.new`, JSON.stringify({ boot_id, vms: Object.fromEntries(vms) }), { mode: 0o600 });
      renameSync(`${path}.new`, path);
    } catch (error) {
      complain(error);
    }
  }

  #set(vmId: string, made: Mark): void {
    this.#marks.set(vmId, made);
    this.#writeSoon();
  }

  #writeSoon(): void {
    this.#writing ??= setTimeout(() => this.flush(), writeAfterMs).unref();
  }

  /** A date by the other clock: nothing began before the host did, nor will. */
  #estimate(date: string | null): number {
    const { now, uptimeMs } = this.#deps;
    const uptime = uptimeMs();
    const ago = date === null ? 0 : now().getTime() - Date.parse(date);
    return uptime - Math.min(Math.max(ago, 0), uptime);
  }
}

/** What the daemon before this one kept, if that was in this run of the host. */
function read({ path, bootId, complain }: RunTimesDeps): Record<string, KeptMark> {
  try {
    const { boot_id, vms } = kept.parse(JSON.parse(readFileSync(path, "utf8")));
    return boot_id === bootId ? vms : {};
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") complain(error);
    return {};
  }
}
