import type { HelperLink } from "../../src/daemon/helper/helper-link.ts";
import type { Layout } from "../../src/installation/layout.ts";
import { BangerError } from "../../src/rpc/contract/errors.ts";
import { helperContract } from "../../src/rpc/contract/helper.ts";
import type { Method, ParamsOf, ResultOf } from "../../src/rpc/contract/method.ts";
import type { CallOptions } from "../../src/rpc/client.ts";
import { type QmpManner, ScriptedVmm } from "./scripted-vmm.ts";

type Contract = typeof helperContract;
type Exit = NonNullable<ResultOf<Contract["vmmList"]>["exits"]>[number];

/** A VMM that runs. */
interface Running {
  readonly generation: number;
  readonly vmm: ScriptedVmm;
}

/** What goes wrong with a call: it fails so, or it hangs until its caller leaves. */
export type Trouble = { readonly fails: BangerError } | "hangs";

/** A root helper without a host: it remembers taps and VMMs, and goes wrong where a test says. */
export class ScriptedHelper {
  readonly vmms = new Map<string, Running>();
  readonly taps = new Map<string, number>();
  readonly exits = new Map<string, Exit>();
  /** The methods that were called, in order. */
  readonly calls: string[] = [];
  /** By method, or by method and VM: `tap.remove 0123456789abcdef`. */
  readonly trouble = new Map<string, Trouble>();
  /** Nobody answers. */
  away = false;
  qmp: QmpManner = "answers";
  /** Called with each VMM that is started, before anybody connects to it. */
  onStarted: (vmm: ScriptedVmm) => void = () => undefined;
  readonly #layout: Layout;
  #listeners: (() => Promise<void>)[] = [];

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  /** A daemon's link to this helper. */
  link(): HelperLink {
    let closed = false;
    const said = () => (this.away ? undefined : { version: "scripted", protocol: 2 });
    return {
      get peer() {
        return said();
      },
      call: async <M extends Method>(method: M, params: unknown, options?: CallOptions) => {
        if (closed) throw new BangerError("helper_unavailable", "the link is closed");
        return (await this.#answer(method.name, params, options?.signal)) as ResultOf<M>;
      },
      whyAway: async () => (this.away ? "the scripted helper is away" : undefined),
      onReachable: (listener) => {
        this.#listeners.push(listener);
      },
      close: () => {
        closed = true;
        this.#listeners = [];
      },
    };
  }

  /** Has become reachable: the daemon compares. */
  async reachable(): Promise<void> {
    this.away = false;
    for (const listener of this.#listeners) await listener();
  }

  /** Lets a VM's VMM end by itself, as the recorder would see it. */
  async vmmEnds(vmId: string, exit: { status: number | null; signal: number | null }): Promise<void> {
    const running = this.vmms.get(vmId);
    if (running === undefined) return;
    this.vmms.delete(vmId);
    this.exits.set(vmId, {
      vm_id: vmId,
      generation: running.generation,
      uid: 1,
      at: new Date().toISOString(),
      ...exit,
    });
    await running.vmm.end();
  }

  async #answer(name: string, params: unknown, signal: AbortSignal | undefined): Promise<unknown> {
    this.calls.push(name);
    if (this.away) throw new BangerError("helper_unavailable", "the scripted helper is away");
    const { vm_id: vmId = "" } = params as { vm_id?: string };
    const trouble = this.trouble.get(`${name} ${vmId}`) ?? this.trouble.get(name);
    if (trouble === "hangs") {
      return new Promise((_, reject) => {
        signal?.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
      });
    }
    if (trouble !== undefined) throw trouble.fails;
    switch (name) {
      case helperContract.kvmProbe.name:
        return { usable: false, why: "a scripted host has none" };
      case helperContract.hostLook.name:
        return { missing: [], uid_is_free: true };
      case helperContract.resolverSet.name:
        return { routed: true };
      case helperContract.tapCreate.name:
        return this.#createTap(params as ParamsOf<Contract["tapCreate"]>);
      case helperContract.tapRemove.name:
        return this.#removeTap(params as ParamsOf<Contract["tapRemove"]>);
      case helperContract.vmmStart.name:
        return this.#start(params as ParamsOf<Contract["vmmStart"]>);
      case helperContract.vmmStop.name:
        return this.#stop(params as ParamsOf<Contract["vmmStop"]>);
      case helperContract.vmmStatus.name:
        return this.#status((params as ParamsOf<Contract["vmmStatus"]>).vm_id);
      case helperContract.vmmList.name:
        return this.#list();
      default:
        return {};
    }
  }

  #createTap({ vm_id, generation = 0 }: ParamsOf<Contract["tapCreate"]>) {
    this.taps.set(vm_id, generation);
    return { tap: `tap-${vm_id}`, uid: 1 };
  }

  #removeTap({ vm_id, generation = Number.POSITIVE_INFINITY }: ParamsOf<Contract["tapRemove"]>) {
    const made = this.taps.get(vm_id);
    if (made === undefined) return { removed: false };
    if (made > generation) throw new BangerError("wrong_state", `tap of generation ${made}, newer than ${generation}`);
    if (!this.vmms.has(vm_id)) this.exits.delete(vm_id);
    return { removed: this.taps.delete(vm_id) };
  }

  /** A VMM that runs already. */
  async adopt(vmId: string, generation: number): Promise<ScriptedVmm> {
    await this.#start({ vm_id: vmId, generation });
    this.taps.set(vmId, generation);
    return (this.vmms.get(vmId) as Running).vmm;
  }

  async #start({ vm_id, generation }: Pick<ParamsOf<Contract["vmmStart"]>, "vm_id" | "generation">) {
    const sockets = this.#layout.sockets(vm_id);
    const vmm = await ScriptedVmm.start(sockets, () => this.qmp);
    this.exits.delete(vm_id);
    this.vmms.set(vm_id, { generation, vmm });
    this.onStarted(vmm);
    return { ...this.#facts(vm_id, generation), sockets };
  }

  async #stop({ vm_id, generation }: ParamsOf<Contract["vmmStop"]>) {
    const running = this.vmms.get(vm_id);
    if (running === undefined) return { stopped: false };
    if (running.generation > generation) throw new BangerError("wrong_state", "a newer one runs");
    // As the real one's recorder has it, until the uid is given back.
    await this.vmmEnds(vm_id, { status: null, signal: 9 });
    return { stopped: true };
  }

  #status(vmId: string) {
    const running = this.vmms.get(vmId);
    const exit = this.exits.get(vmId);
    return {
      running: running !== undefined,
      ...(running === undefined ? {} : { facts: this.#facts(vmId, running.generation) }),
      ...(exit === undefined ? {} : { exit }),
    };
  }

  #list() {
    return {
      vmms: [...this.vmms].map(([id, { generation }]) => this.#facts(id, generation)),
      taps: [...this.taps].map(([vm_id, generation]) => ({ vm_id, tap: `tap-${vm_id}`, generation })),
      exits: [...this.exits.values()],
      leases: [],
    };
  }

  #facts(vm_id: string, generation: number) {
    return { vm_id, generation, pid: process.pid, uid: 1, started_at: new Date().toISOString() };
  }
}
