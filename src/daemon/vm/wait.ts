import { setTimeout as delay } from "node:timers/promises";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { ParamsOf } from "../../rpc/contract/method.ts";
import type { Vm } from "../../rpc/contract/vm.ts";
import type { vmContract } from "../../rpc/contract/vm-methods.ts";
import { attribute } from "../../telemetry/names.ts";
import { awaitBooted } from "../guest/await-booted.ts";
import type { Request } from "../operation/operations.ts";
import { awaitSsh } from "../ssh/await-ssh.ts";
import type { StepRunner } from "../step/step-runner.ts";
import type { Uses } from "./expiry/uses.ts";
import { withoutNetwork } from "./guest-ssh.ts";
import type { RunningVm, RunningVms } from "./running.ts";
import { activeStates } from "./state.ts";
import type { StoredVm, VmRecords } from "./vm-records.ts";
import type { VmLocks } from "./vm-locks.ts";

/** What waiting for VMs needs. */
export interface VmWaitsDeps {
  readonly records: VmRecords;
  readonly running: RunningVms;
  readonly locks: Pick<VmLocks, "isHeld">;
  readonly steps: StepRunner;
  readonly uses: Pick<Uses, "hold">;
}

type Params = ParamsOf<typeof vmContract.vmWait>;
type BootStage = Exclude<Params["for"], "stopped">;

/** What is being waited for, of which VM, until when. */
interface Waiting {
  readonly vm: StoredVm;
  /** Aborts when the caller leaves, the time is over or it can't come true any more. */
  readonly signal: AbortSignal;
}

/** How soon a VM is looked at again that runs and can't be reached for the moment. */
const lookAgainMs = 100;
const longestMs = 24 * 3600 * 1000;
const words: Readonly<Record<Params["for"], string>> = {
  ready: "ready",
  booted: "booted",
  ssh: "reached by ssh",
  stopped: "stopped",
};

/** Waits until VMs are as somebody needs them; it changes nothing, and takes no lock. */
export class VmWaits {
  readonly #deps: VmWaitsDeps;

  constructor(deps: VmWaitsDeps) {
    this.#deps = deps;
  }

  /** Fails as soon as it can't come true any more, also with what ended the VM. */
  async wait({ vm: reference, for: what, timeout_s }: Params, request: Pick<Request, "signal">): Promise<Vm> {
    const { records, running } = this.#deps;
    const vm = records.use(reference);
    this.#mayCome(vm, what);
    await this.#within(vm, what, timeout_s, request.signal, (waiting) =>
      what === "stopped" ? this.#stopped(waiting) : this.#booted(waiting, what),
    );
    return running.shown(records.must(vm.id));
  }

  /** As `wait`, for a VM that was just started: one more step of that. */
  async afterStart(
    { id }: Pick<Vm, "id">,
    what: BootStage,
    timeoutS: number,
    { signal, emit }: Pick<Request, "signal" | "emit">,
  ): Promise<void> {
    const vm = this.#deps.records.must(id);
    this.#mayCome(vm, what);
    await this.#deps.steps.run({
      operation: "vm.start",
      subject: vm,
      context: { signal, emit },
      attributes: { [attribute.vmId]: vm.id, [attribute.vmName]: vm.name },
      steps: [
        {
          name: `wait_${what}`,
          do: (_, over) => this.#within(vm, what, timeoutS, over, (waiting) => this.#booted(waiting, what)),
          undo: { none: "it only waits" },
        },
      ],
    });
  }

  /** What nobody has begun to bring about is refused at once. */
  #mayCome(vm: StoredVm, what: Params["for"]): void {
    if (what === "ssh" && vm.network === "none") throw withoutNetwork(vm);
    if (what === "stopped" || activeStates.has(vm.state) || this.#deps.locks.isHeld(vm.id)) return;
    throw new BangerError("wrong_state", `vm ${vm.name} is ${vm.state}, and will not be ${words[what]}`, {
      details: { state: vm.state, hint: "Start it first: `banger vm start` has --wait." },
    });
  }

  async #within(
    vm: StoredVm,
    what: Params["for"],
    timeoutS: number,
    caller: AbortSignal,
    work: (waiting: Waiting) => Promise<void>,
  ): Promise<void> {
    const late = AbortSignal.timeout(Math.min(timeoutS * 1000, longestMs));
    try {
      await work({ vm, signal: AbortSignal.any([caller, late]) });
    } catch (error) {
      caller.throwIfAborted();
      if (!late.aborted) throw error;
      const now = this.#now(vm);
      throw new BangerError("deadline_exceeded", `vm ${vm.name} is not ${words[what]} after ${timeoutS} s: ${now}`);
    }
  }

  /** How the VM is, for whoever waited in vain. */
  #now({ id }: StoredVm): string {
    const vm = this.#deps.records.get(id);
    if (vm === undefined) return "it is gone";
    const health = this.#deps.running.healthOf(vm);
    return health === null || health === "ok" ? `it is ${vm.state}` : `it is ${vm.state}, ${health.replace("_", " ")}`;
  }

  async #stopped({ vm, signal }: Waiting): Promise<void> {
    const { records, locks } = this.#deps;
    // A VM that is made or started at the moment runs soon, and is waited for too.
    const isOver = ({ state, id }: StoredVm) => !activeStates.has(state) && !locks.isHeld(id);
    for (;;) {
      await records.until(vm.id, ({ state }) => !activeStates.has(state), signal);
      signal.throwIfAborted();
      const now = records.get(vm.id);
      if (now === undefined) throw gone(vm);
      if (now.state === "failed") throw ended(now);
      if (isOver(now)) return;
      await delay(lookAgainMs, undefined, { signal });
    }
  }

  /** A guest may reboot meanwhile: it is then waited for anew. */
  async #booted({ vm, signal }: Waiting, what: BootStage): Promise<void> {
    // Who waits for it is about to use it.
    using _ = this.#deps.uses.hold(vm.id);
    for (;;) {
      const now = this.#deps.records.get(vm.id);
      if (now === undefined) throw gone(vm);
      const isHeld = this.#deps.locks.isHeld(vm.id);
      if (now.state === "stopping" || (!activeStates.has(now.state) && !isHeld)) throw ended(now);
      const handle = this.#deps.running.get(vm.id);
      // A guest that stands still is nothing of the kind until it goes on.
      if (now.state === "running" && handle?.generation === now.generation && handle.vmm.condition === "running") {
        if (await reaches(handle, now, what, signal)) return;
      }
      await delay(lookAgainMs, undefined, { signal });
    }
  }
}

/** True when it has come so far; false when this run of it is over, or can't be asked for the moment. */
async function reaches(handle: RunningVm, vm: StoredVm, what: BootStage, signal: AbortSignal): Promise<boolean> {
  const { agent, vmm } = handle;
  const over = new AbortController();
  const end = () => over.abort(new BangerError("guest_died", "its VMM is gone"));
  void Promise.race([vmm.lost, vmm.closed]).then(end);
  const both = AbortSignal.any([signal, over.signal]);
  try {
    await agent.ready(both, longestMs);
    if (what === "booted") await awaitBooted(agent, both);
    if (what === "ssh") {
      await awaitSsh({
        host: vm.address,
        port: 22,
        timeoutMs: longestMs,
        signal: both,
        gone: Promise.race([vmm.lost, vmm.closed]),
      });
    }
    return true;
  } catch (error) {
    signal.throwIfAborted();
    if (over.signal.aborted) return false;
    // The agent was started again, or is silent for a while: it is asked anew.
    if (error instanceof BangerError && ["guest_died", "deadline_exceeded"].includes(error.code)) return false;
    throw error;
  }
}

function gone({ name }: StoredVm): BangerError {
  return new BangerError("not_found", `vm ${name} was deleted meanwhile`);
}

function ended({ name, state, error }: StoredVm): BangerError {
  const why = error === null ? "" : `: ${error.message}`;
  return new BangerError("guest_died", `vm ${name} is ${state}${why}`, {
    details: { state, hint: "`banger vm show` says how it ended." },
  });
}
