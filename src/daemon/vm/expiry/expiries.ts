import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "../../../telemetry/log.ts";
import { parseTraceparent } from "../../../telemetry/traceparent.ts";
import type { HelperLink } from "../../helper/helper-link.ts";
import type { Operations } from "../../operation/operations.ts";
import { type StopDeps, stopVm } from "../lifecycle/stop.ts";
import type { RunningVms } from "../running.ts";
import type { VmLocks } from "../vm-locks.ts";
import type { StoredVm, VmRecords } from "../vm-records.ts";
import { type ExpiryCause, expiryOf } from "./expiry.ts";
import type { RunTimes } from "./run-times.ts";
import type { Uses } from "./uses.ts";

/** What stopping VMs whose time is over needs. */
export interface ExpiriesDeps {
  readonly records: VmRecords;
  readonly running: Pick<RunningVms, "healthOf" | "changed">;
  readonly helper: Pick<HelperLink, "peer">;
  readonly locks: VmLocks;
  readonly operations: Operations;
  readonly stop: StopDeps;
  readonly times: RunTimes;
  readonly uses: Uses;
  readonly isConnectedTo: (address: string) => boolean;
  readonly uptimeMs: () => number;
  readonly log: Logger;
  /** Aborts when the daemon ends. */
  readonly closing: AbortSignal;
}

/** A guest has so long to shut down, as when somebody asks for it who says nothing else. */
const stopTimeoutMs = 30_000;
/** What could not be stopped is tried again after this. */
const againMs = 30_000;
/** What changes within this is looked at once. */
const gatherMs = 20;
/** A timer can't wait longer than 24 days. */
const longestMs = 86_400_000;

/**
 * Stops VMs whose time to live is over, or that nobody has used for as long as they may idle. There is one timer, for the next of
 * them; records, handles and uses that change make it look again.
 */
export class Expiries {
  readonly #deps: ExpiriesDeps;
  /** The VMs that are being stopped, or whose stop is tried again soon. */
  readonly #ending = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #following = false;

  constructor(deps: ExpiriesDeps) {
    this.#deps = deps;
  }

  /** Looks now, and from now on whenever there is a reason to; begun once the records were compared with the host. */
  begin(): void {
    const { records, running, uses } = this.#deps;
    if (!this.#following) {
      this.#following = true;
      for (const changed of [() => records.changed(), () => running.changed(), () => uses.changed()])
        void this.#follow(changed);
    }
    this.#look();
  }

  async #follow(changed: () => Promise<void>): Promise<void> {
    while (!this.#deps.closing.aborted) {
      await changed();
      // Of a start there are many: one look for all that comes together.
      await delay(gatherMs, undefined, { ref: false });
      this.#look();
    }
  }

  #look(): void {
    const { helper, log, closing } = this.#deps;
    clearTimeout(this.#timer);
    // Nobody can be stopped without the helper: when it is back, this is asked anew.
    if (closing.aborted || helper.peer === undefined) return;
    try {
      this.#endThoseDue();
    } catch (error) {
      log.error({ err: error }, "whose time is over can't be looked at yet");
      this.#lookIn(againMs);
    }
  }

  /** Begins to stop what is to be stopped, and waits for the next that will be. */
  #endThoseDue(): void {
    const { records, times } = this.#deps;
    const active = records.active();
    times.keepOnly(new Set(active.map(({ id }) => id)));
    let nextMs = Number.POSITIVE_INFINITY;
    for (const vm of active) {
      const expiry = this.#ending.has(vm.id) ? undefined : this.#expiryOf(vm);
      if (expiry === undefined) continue;
      if (expiry.inMs > 0) nextMs = Math.min(nextMs, expiry.inMs);
      else void this.#end(vm, expiry.cause);
    }
    // By a clock that may be read a moment before its timer is due.
    if (Number.isFinite(nextMs)) this.#lookIn(nextMs + 1);
  }

  #lookIn(ms: number): void {
    this.#timer = setTimeout(() => this.#look(), Math.min(ms, longestMs)).unref();
  }

  #expiryOf(vm: StoredVm): ReturnType<typeof expiryOf> {
    const { running, times, uses, uptimeMs } = this.#deps;
    if (vm.state !== "running") return undefined;
    const inUse = uses.isHeld(vm.id) || running.healthOf(vm) === "paused";
    return expiryOf(vm, { ...times.of(vm), nowMs: uptimeMs(), inUse });
  }

  /** The VM as it is now, if it is still to be stopped. */
  #stillDue({ id, generation }: StoredVm): { readonly vm: StoredVm; readonly cause: ExpiryCause } | undefined {
    const { records, times, isConnectedTo, closing } = this.#deps;
    const vm = closing.aborted ? undefined : records.get(id);
    if (vm === undefined || vm.generation !== generation) return undefined;
    const expiry = this.#expiryOf(vm);
    if (expiry === undefined || expiry.inMs > 0) return undefined;
    if (expiry.cause === "idle" && vm.network !== "none" && isConnectedTo(vm.address)) {
      times.used(id);
      return undefined;
    }
    return { vm, cause: expiry.cause };
  }

  async #end(vm: StoredVm, cause: ExpiryCause): Promise<void> {
    const { locks, log, closing } = this.#deps;
    this.#ending.add(vm.id);
    try {
      // Whatever else is done with it ends first; then it is looked at again.
      await locks.whenFree(vm.id);
      if (this.#stillDue(vm) !== undefined) await this.#stop(vm);
    } catch (error) {
      log.warn({ err: error, "banger.vm.id": vm.id, cause }, "a VM whose time is over could not be stopped yet");
      await delay(againMs, undefined, { ref: false, signal: closing }).catch(() => undefined);
    } finally {
      this.#ending.delete(vm.id);
      this.#look();
    }
  }

  /** As an operation that links to the VM's start. */
  async #stop(before: StoredVm): Promise<void> {
    const { locks, operations, records, stop, log } = this.#deps;
    await operations.unattended("vm.stop", parseTraceparent(before.started_by), (context) =>
      locks.exclusive(
        before,
        "stop",
        async () => {
          const due = this.#stillDue(before);
          if (due === undefined) return;
          const { cause } = due;
          // First of all: a daemon that goes on with this stop doesn't know why.
          const vm = records.update(before.id, { stopped_for: cause });
          log.info({ "banger.vm.id": vm.id, cause }, "a VM's time is over: it is stopped");
          try {
            await stopVm(stop, vm, new Date(Date.now() + stopTimeoutMs), context);
          } catch (error) {
            if (records.get(vm.id)?.state === "running") records.update(vm.id, { stopped_for: null });
            throw error;
          }
        },
        context.cancel,
      ),
    );
  }
}
