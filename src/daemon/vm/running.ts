import { BangerError } from "../../rpc/contract/errors.ts";
import type { Vm } from "../../rpc/contract/vm.ts";
import type { Warning } from "../../rpc/contract/warning.ts";
import type { AgentLink } from "../guest/agent-link.ts";
import type { HelperLink } from "../helper/helper-link.ts";
import type { ProcessId } from "../stats/vmm-process.ts";
import type { VmmConnection } from "../vmm/driver.ts";
import { Changes } from "./changes.ts";

/** What the daemon holds of a VM whose VMM runs: a cache that reconcile rebuilds, never the record. */
export interface RunningVm {
  readonly generation: number;
  readonly vmm: VmmConnection;
  readonly agent: AgentLink;
  /** Its VMM's process, as it was when it was connected to; undefined where /proc didn't show it. */
  readonly process: ProcessId | undefined;
}

/** Whoever looks at VMs waits so long for their agents; a processor that is emulated is slow when it is busy. */
const answerMs = { kvm: 800, tcg: 1_500 };

/** Whoever asks a daemon that has just begun waits so long for its first look at what runs. */
const firstLookMs = 15_000;

/** What connections tell; whether its tap is there isn't known by them. */
type Health = Exclude<NonNullable<Vm["health"]>, "tap_gone">;

/** The VMs whose VMM this daemon is connected to. */
export class RunningVms {
  readonly #byId = new Map<string, RunningVm>();
  readonly #helper: Pick<HelperLink, "peer" | "tried">;
  /** By VM, of its newest start. */
  readonly #warnings = new Map<string, { readonly generation: number; readonly warnings: readonly Warning[] }>();
  readonly #changes = new Changes();
  #looking = true;
  readonly #firstLook = Promise.withResolvers<void>();
  readonly #waitUntil = performance.now() + firstLookMs;

  constructor(helper: Pick<HelperLink, "peer" | "tried">) {
    this.#helper = helper;
  }

  /** The daemon has looked at what runs: what isn't held now isn't just about to be. */
  looked(): void {
    this.#looking = false;
    this.#firstLook.resolve();
  }

  /** Waits for a VM that runs and isn't held, as long as the daemon that has just begun may still come to it. */
  async found(vm: Pick<Vm, "id" | "state">, signal: AbortSignal): Promise<void> {
    const leftMs = Math.ceil(this.#waitUntil - performance.now());
    if (!this.#looking || leftMs <= 0 || this.healthOf(vm) !== "unreachable") return;
    const known = async () => {
      await this.#helper.tried;
      if (this.#helper.peer !== undefined) await this.#firstLook.promise;
    };
    const over = AbortSignal.any([signal, AbortSignal.timeout(leftMs)]);
    const left = new Promise<void>((resolve) => {
      if (over.aborted) resolve();
      over.addEventListener("abort", () => resolve(), { once: true });
    });
    await Promise.race([known(), left]);
    signal.throwIfAborted();
  }

  /** Resolves when the health of one may be another than it is now. */
  changed(signal?: AbortSignal): Promise<void> {
    return this.#changes.next(signal);
  }

  get(vmId: string): RunningVm | undefined {
    return this.#byId.get(vmId);
  }

  /** Holds a VM; what was held of it before is closed. */
  put(vmId: string, running: RunningVm): void {
    this.#byId.get(vmId)?.agent.close();
    this.#byId.get(vmId)?.vmm.close();
    this.#byId.set(vmId, running);
    const changed = () => this.#changed();
    running.vmm.onCondition(changed);
    running.agent.onState(changed);
    changed();
  }

  /** Closes and forgets the connection to a VM, when it is of this generation or an older one. */
  drop(vmId: string, generation: number): void {
    const running = this.#byId.get(vmId);
    if (running === undefined || running.generation > generation) return;
    this.#byId.delete(vmId);
    running.agent.close();
    running.vmm.close();
    this.#changed();
  }

  /** Keeps what a start warned of, as long as this daemon and the VM run. */
  warn(vm: Pick<Vm, "id" | "generation">, warning: Warning): void {
    this.#warnings.set(vm.id, { generation: vm.generation, warnings: [...this.warningsOf(vm), warning] });
  }

  /** What a VM's start warned of. */
  warningsOf({ id, generation }: Pick<Vm, "id" | "generation">): readonly Warning[] {
    const kept = this.#warnings.get(id);
    return kept?.generation === generation ? kept.warnings : [];
  }

  /** What is the matter with a VM, of which the record says that it runs. */
  healthOf({ id, state }: Pick<Vm, "id" | "state">): Health | null {
    if (state !== "running") return null;
    const running = this.#byId.get(id);
    if (running === undefined) return "unreachable";
    const { condition } = running.vmm;
    if (condition === "no_space" || condition === "disk_failed" || condition === "paused") return condition;
    return running.agent.state === "answers" ? "ok" : "agent_silent";
  }

  /** As `healthOf`, but asks an agent that answered until now. */
  async askedHealthOf(vm: Pick<Vm, "id" | "state" | "accel">): Promise<Health | null> {
    const health = this.healthOf(vm);
    const ms = answerMs[vm.accel ?? "tcg"];
    if (health !== "ok" || (await this.#byId.get(vm.id)?.agent.answersWithin(ms)) === true) return health;
    return this.healthOf(vm) === "ok" ? "agent_silent" : this.healthOf(vm);
  }

  /** A VM with what only its handle knows. */
  shown<V extends Vm>(vm: V): V {
    return { ...vm, health: this.healthOf(vm) };
  }

  /** The VMM of a VM that runs, or why there is nobody to ask. */
  vmmOf({ id, name }: Pick<Vm, "id" | "name">): VmmConnection {
    const running = this.#byId.get(id);
    if (running !== undefined) return running.vmm;
    throw new BangerError("guest_died", `vm ${name} runs, but its VMM can't be reached; it is being asked again`);
  }

  /** The agent of a VM that runs, or why there is nobody to ask. */
  agentOf(vm: Pick<Vm, "id" | "name" | "state">): AgentLink {
    const running = this.#byId.get(vm.id);
    const health = this.healthOf(vm);
    const refuse = (
      code: "wrong_state" | "no_space" | "guest_died" | "helper_unavailable" | "host_failed",
      why: string,
    ) => new BangerError(code, `vm ${vm.name} ${why}`, { details: { state: vm.state, health } });
    switch (health) {
      case null:
        throw refuse("wrong_state", `is ${vm.state}, not running; ${adviceFor(vm.state)}`);
      case "unreachable":
        // A daemon that starts asks the helper first what runs.
        if (this.#helper.peer === undefined)
          throw refuse("helper_unavailable", "can't be reached before the helper is");
        throw refuse("guest_died", "runs, but its VMM can't be reached; it is being asked again");
      case "no_space":
        throw refuse("no_space", "stands still, as the host's disk is full; it goes on when there is room");
      case "disk_failed":
        throw refuse(
          "host_failed",
          "stands still, as its disk can't be written (a quota, or a broken disk); it is tried again",
        );
      case "paused":
        throw refuse("wrong_state", "is paused; `banger vm resume` lets it go on");
      case "ok":
      case "agent_silent":
        if (running === undefined) throw refuse("guest_died", "runs, but its VMM can't be reached");
        return running.agent;
    }
  }

  #changed(): void {
    this.#changes.came();
  }

  close(): void {
    for (const [id, running] of this.#byId) this.drop(id, running.generation);
  }
}

function adviceFor(state: Vm["state"]): string {
  switch (state) {
    case "creating":
      return "wait until it is made, then start it";
    case "starting":
      return "wait until it has started";
    case "stopping":
      return "it is about to end";
    case "running":
    case "created":
    case "stopped":
    case "failed":
      return "start it first";
  }
}
