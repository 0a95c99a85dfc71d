import type { RunningVm, RunningVms } from "../vm/running.ts";
import type { StoredVm } from "../vm/vm-records.ts";
import type { LinkTable } from "./link-counters.ts";
import { type Sample, type SampleDeps, takeSample } from "./sample.ts";

/** What sampling needs. */
export interface SamplerDeps extends SampleDeps {
  readonly running: Pick<RunningVms, "get">;
}

interface Kept {
  last?: Sample;
  taking?: Promise<Sample>;
}

/**
 * Takes samples of VMs for all who look, and only while somebody does: there is no timer here. Who asks for one that may be so old
 * gets what another's question brought. What is kept of a VM goes with its handle.
 */
export class Sampler {
  readonly #deps: SamplerDeps;
  readonly #kept = new WeakMap<RunningVm, Kept>();

  constructor(deps: SamplerDeps) {
    this.#deps = deps;
  }

  /** A sample of a VM that runs, at most so many milliseconds old. */
  async sample(vm: StoredVm, oldestMs: number, links: () => LinkTable): Promise<Sample> {
    const running = this.#deps.running.get(vm.id);
    if (running === undefined) return takeSample(this.#deps, vm, undefined, links);
    const kept = this.#keptOf(running);
    if (kept.last !== undefined && performance.now() - kept.last.atMs <= oldestMs) return kept.last;
    kept.taking ??= this.#take(vm, running, kept, links);
    return kept.taking;
  }

  async #take(vm: StoredVm, running: RunningVm, kept: Kept, links: () => LinkTable): Promise<Sample> {
    try {
      return (kept.last = await takeSample(this.#deps, vm, running, links));
    } finally {
      delete kept.taking;
    }
  }

  #keptOf(running: RunningVm): Kept {
    const kept = this.#kept.get(running) ?? {};
    this.#kept.set(running, kept);
    return kept;
  }
}
