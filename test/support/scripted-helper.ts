import type { HelperLink } from "../../src/daemon/helper/helper-link.ts";
import type { Layout } from "../../src/installation/layout.ts";
import { diskFormats } from "../../src/rpc/contract/disk-kind.ts";
import { BangerError } from "../../src/rpc/contract/errors.ts";
import { helperContract } from "../../src/rpc/contract/helper.ts";
import type { Method, ParamsOf, ResultOf } from "../../src/rpc/contract/method.ts";
import type { CallOptions } from "../../src/rpc/client.ts";
import { FirecrackerVmm } from "./firecracker/firecracker-vmm.ts";
import { type QmpManner, ScriptedVmm } from "./scripted-vmm.ts";

type Contract = typeof helperContract;
type StartParams = ParamsOf<Contract["vmmStart"]>;
type Exit = NonNullable<ResultOf<Contract["vmmList"]>["exits"]>[number];

/** A VMM that runs, of either kind. */
class Running {
  readonly generation: number;
  readonly either: ScriptedVmm | FirecrackerVmm;

  constructor(generation: number, either: ScriptedVmm | FirecrackerVmm) {
    this.generation = generation;
    this.either = either;
  }

  get vmm(): ScriptedVmm {
    if (this.either instanceof ScriptedVmm) return this.either;
    throw new Error("it is a Firecracker");
  }

  get firecracker(): FirecrackerVmm {
    if (this.either instanceof FirecrackerVmm) return this.either;
    throw new Error("it is a QEMU");
  }
}

/** What goes wrong with a call: it fails so, takes its time, or hangs until its caller leaves. */
export type Trouble = { readonly fails: BangerError } | { readonly waits: Promise<void> } | "hangs";

/** A root helper without a host: it remembers taps, disks and VMMs, and goes wrong where a test says. */
export class ScriptedHelper {
  readonly vmms = new Map<string, Running>();
  readonly taps = new Map<string, number>();
  /** VMs whose guests are kept from what is beyond the bridge. */
  readonly isolated = new Set<string>();
  /** Disks that are devices, and how large they were asked for, in MiB. */
  readonly disks = new Map<string, { readonly generation: number; readonly mib: number }>();
  /** The kernel has given up these VMs' disks. */
  readonly givenUp = new Set<string>();
  readonly exits = new Map<string, Exit>();
  /** The methods that were called, in order. */
  readonly calls: string[] = [];
  /** By method, or by method and VM: `tap.remove 0123456789abcdef`. */
  readonly trouble = new Map<string, Trouble>();
  /** Nobody answers. */
  away = false;
  /** It says nothing of volumes, and would leave them out. */
  olderThanVolumes = false;
  /** The volumes that each VM was started with last. */
  readonly volumes = new Map<string, readonly string[]>();
  /** What it says of KVM, and of the VMMs that there are. */
  kvm: ResultOf<Contract["kvmProbe"]> = { usable: false, why: "a scripted host has none" };
  seenVmms: ResultOf<Contract["vmmProbe"]>["vmms"] = [];
  dmSnapshots: ResultOf<Contract["diskProbe"]> = { usable: true, why: "it is scripted" };
  qmp: QmpManner = "answers";
  /** Called with each VMM that is started, before anybody connects to it. */
  onStarted: (vmm: ScriptedVmm | FirecrackerVmm) => void = () => undefined;
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
      tried: Promise.resolve(),
      whyAway: async () => (this.away ? { why: "the scripted helper is away" } : undefined),
      mustAnswer: async () => {
        if (this.away) throw new BangerError("helper_unavailable", "the scripted helper is away");
      },
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
    await running.either.end();
  }

  async #answer(name: string, params: unknown, signal: AbortSignal | undefined): Promise<unknown> {
    this.calls.push(name);
    if (this.away) throw new BangerError("helper_unavailable", "the scripted helper is away");
    const { vm_id: vmId = "" } = params as { vm_id?: string };
    const trouble = this.trouble.get(`${name} ${vmId}`) ?? this.trouble.get(name);
    if (trouble === "hangs") {
      return new Promise((_, reject) => {
        // Its caller may have left before.
        if (signal?.aborted === true) reject(signal.reason as Error);
        signal?.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
      });
    }
    if (trouble !== undefined && "fails" in trouble) throw trouble.fails;
    await trouble?.waits;
    switch (name) {
      case helperContract.kvmProbe.name:
        return this.kvm;
      case helperContract.vmmProbe.name:
        return { vmms: this.seenVmms };
      case helperContract.hostLook.name:
        return { missing: [], uid_is_free: true, ...(this.olderThanVolumes ? {} : { most_volumes: 8 }) };
      case helperContract.resolverSet.name:
        return { routed: true };
      case helperContract.tapCreate.name:
        return this.#createTap(params as ParamsOf<Contract["tapCreate"]>);
      case helperContract.tapRemove.name:
        return this.#removeTap(params as ParamsOf<Contract["tapRemove"]>);
      case helperContract.tapIsolate.name:
        return this.#isolate(params as ParamsOf<Contract["tapIsolate"]>);
      case helperContract.diskProbe.name:
        return this.dmSnapshots;
      case helperContract.diskAttach.name:
        return this.#attachDisk(params as ParamsOf<Contract["diskAttach"]>);
      case helperContract.diskDetach.name:
        return this.#detachDisk(params as ParamsOf<Contract["diskDetach"]>);
      case helperContract.vmmStart.name:
        this.volumes.set(vmId, (params as ParamsOf<Contract["vmmStart"]>).volumes ?? []);
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

  #isolate({ vm_id, isolated }: ParamsOf<Contract["tapIsolate"]>) {
    if (isolated) this.isolated.add(vm_id);
    else this.isolated.delete(vm_id);
    return { isolated };
  }

  #removeTap({ vm_id, generation = Number.POSITIVE_INFINITY }: ParamsOf<Contract["tapRemove"]>) {
    const made = this.taps.get(vm_id);
    if (made === undefined) return { removed: false };
    if (made > generation) throw new BangerError("wrong_state", `tap of generation ${made}, newer than ${generation}`);
    if (!this.vmms.has(vm_id)) this.exits.delete(vm_id);
    this.isolated.delete(vm_id);
    return { removed: this.taps.delete(vm_id) };
  }

  #attachDisk({ vm_id, generation, disk_mib: mib }: ParamsOf<Contract["diskAttach"]>) {
    this.disks.set(vm_id, { generation, mib });
    return { mended: this.givenUp.delete(vm_id) };
  }

  #detachDisk({ vm_id, generation }: ParamsOf<Contract["diskDetach"]>) {
    const { generation: made = 0 } = this.disks.get(vm_id) ?? {};
    if (made > generation) throw new BangerError("wrong_state", `disk of generation ${made}, newer than ${generation}`);
    return { removed: this.disks.delete(vm_id) };
  }

  /** A VMM that runs already. */
  async adopt(vmId: string, generation: number): Promise<ScriptedVmm> {
    await this.#start({ vm_id: vmId, generation });
    this.taps.set(vmId, generation);
    return (this.vmms.get(vmId) as Running).vmm;
  }

  async #start(params: Pick<ParamsOf<Contract["vmmStart"]>, "vm_id" | "generation"> & Partial<StartParams>) {
    const { vm_id, generation, vmm: kind } = params;
    const sockets = this.#layout.sockets(vm_id);
    const metrics = this.#layout.metrics(vm_id);
    const vmm =
      kind === "firecracker"
        ? await FirecrackerVmm.start({ ...sockets, metrics })
        : await ScriptedVmm.start(sockets, () => this.qmp);
    this.exits.delete(vm_id);
    this.vmms.set(vm_id, new Running(generation, vmm));
    this.onStarted(vmm);
    const places = kind === "firecracker" ? { firecracker: this.#places(params as StartParams) } : { sockets };
    return { ...this.#facts(vm_id, generation), ...places };
  }

  #places({ vm_id, kernel_id, disk_kind = "qcow2", volumes = [] }: StartParams) {
    const { api, vsock } = this.#layout.sockets(vm_id);
    const { rootDisk, initrd } = this.#layout.vm(vm_id);
    const metrics = this.#layout.metrics(vm_id);
    return {
      api_socket: api,
      vsock_socket: vsock,
      vsock,
      metrics,
      metrics_file: metrics,
      kernel: this.#layout.kernel(kernel_id).vmlinux,
      initrd,
      root_disk: rootDisk[diskFormats[disk_kind]],
      volumes: volumes.map((id) => this.#layout.volume(id)),
    };
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
      disks: [...this.disks].map(([vm_id, { generation }]) => ({ vm_id, generation })),
      exits: [...this.exits.values()],
      leases: [],
    };
  }

  #facts(vm_id: string, generation: number) {
    return { vm_id, generation, pid: process.pid, uid: 1, started_at: new Date().toISOString() };
  }
}
