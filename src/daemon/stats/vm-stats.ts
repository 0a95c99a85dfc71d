import { setTimeout as delay } from "node:timers/promises";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { ParamsOf, ResultOf } from "../../rpc/contract/method.ts";
import type { statsContract, VmStats } from "../../rpc/contract/stats.ts";
import type { Request } from "../operation/operations.ts";
import type { RunningVms } from "../vm/running.ts";
import { asItRuns } from "../vm/as-it-runs.ts";
import type { StoredVm, VmRecords } from "../vm/vm-records.ts";
import { type LinkTable, readLinkTable } from "./link-counters.ts";
import type { Sample } from "./sample.ts";
import type { Sampler } from "./sampler.ts";
import { statsOf } from "./stats-of.ts";

/** What looking at running VMs needs. */
export interface VmStatsDeps {
  readonly records: Pick<VmRecords, "list" | "named">;
  readonly running: Pick<RunningVms, "agentOf" | "found">;
  readonly sampler: Pick<Sampler, "sample">;
}

/** A VM's last sample, by its id. */
type Samples = ReadonlyMap<string, Sample>;

/** Two samples that are closer than this say little of CPU: it is counted in hundredths of a second. */
const apartMs = 500;
/** A sample that is older says little of now. */
const oldestBaseMs = 10_000;

/** What is asked of VMs while they run; it changes nothing, and nothing goes on when nobody asks. */
export class VmStatsService {
  readonly #deps: VmStatsDeps;

  constructor(deps: VmStatsDeps) {
    this.#deps = deps;
  }

  /** What VMs use; with `watch` it is told each interval, until the caller leaves. Those that no longer run are left out then. */
  async stats(
    { vm: references, watch, interval_s }: ParamsOf<typeof statsContract.vmStats>,
    { signal, emit }: Pick<Request, "signal" | "emit">,
  ): Promise<{ vms: VmStats[] }> {
    const asked = new Set(references.map((reference) => mustRun(this.#deps.records.named(reference)).id));
    const chosen = () => this.#runningOf(asked);
    let samples = await this.#base(chosen(), signal);
    if (!watch) return { vms: (await this.#look(chosen(), samples, apartMs / 2)).vms };
    const intervalMs = interval_s * 1000;
    // The first is told at once; who looks at the same VMs, as often, is told what was found for another.
    for (let oldestMs = apartMs / 2; !signal.aborted; oldestMs = intervalMs * 0.9) {
      const next = delay(intervalMs, undefined, { signal, ref: false }).catch(() => undefined);
      const look = await this.#look(chosen(), samples, oldestMs);
      await emit("stats", { vms: look.vms });
      samples = look.samples;
      await next;
    }
    throw signal.reason;
  }

  /** What listens in a guest, in order. */
  async ports(reference: string, { signal }: Pick<Request, "signal">): Promise<ResultOf<typeof statsContract.vmPorts>> {
    const { records, running } = this.#deps;
    await running.found(records.named(reference), signal);
    const { ports, more } = await running.agentOf(records.named(reference)).ports(signal);
    const key = ({ protocol, port, address }: (typeof ports)[number]) =>
      `${protocol} ${String(port).padStart(5, "0")} ${address}`;
    return { ports: ports.toSorted((a, b) => (key(a) < key(b) ? -1 : 1)), more };
  }

  #runningOf(asked: ReadonlySet<string>): StoredVm[] {
    return this.#deps.records
      .list()
      .filter(({ id, state }) => state === "running" && (asked.size === 0 || asked.has(id)))
      .map(asItRuns);
  }

  /** Samples to compare with, old enough for that once it resolves; such that another question left do. */
  async #base(vms: readonly StoredVm[], signal: AbortSignal): Promise<Samples> {
    const samples = await this.#sample(vms, oldestBaseMs);
    const youngest = Math.max(...[...samples.values()].map(({ atMs }) => atMs), 0);
    const waitMs = youngest + apartMs - performance.now();
    if (waitMs > 0) await delay(waitMs, undefined, { signal, ref: false }).catch(() => undefined);
    signal.throwIfAborted();
    return samples;
  }

  async #look(
    vms: readonly StoredVm[],
    before: Samples,
    oldestMs: number,
  ): Promise<{ vms: VmStats[]; samples: Samples }> {
    const samples = await this.#sample(vms, oldestMs, before);
    const stats = vms.flatMap((vm) => {
      const sample = samples.get(vm.id);
      return sample === undefined ? [] : [statsOf(vm, sample, before.get(vm.id))];
    });
    return { vms: stats, samples };
  }

  /** Samples at most so old, and none that is among those before. */
  async #sample(vms: readonly StoredVm[], oldestMs: number, before: Samples = new Map()): Promise<Samples> {
    let table: LinkTable | undefined;
    const links = () => (table ??= readLinkTable());
    const one = (vm: StoredVm) => {
      const sinceMs = performance.now() - (before.get(vm.id)?.atMs ?? Number.NEGATIVE_INFINITY);
      return this.#deps.sampler.sample(vm, Math.min(oldestMs, sinceMs - 1), links);
    };
    return new Map(await Promise.all(vms.map(async (vm) => [vm.id, await one(vm)] as const)));
  }
}

function mustRun(vm: StoredVm): StoredVm {
  if (vm.state === "running") return vm;
  throw new BangerError("wrong_state", `vm ${vm.name} is ${vm.state}, and uses nothing while it doesn't run`, {
    details: { state: vm.state, hint: `\`banger vm start ${vm.name}\` starts it; \`vm ls\` says what runs.` },
  });
}
