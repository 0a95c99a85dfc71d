import { appendFileSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Capability } from "../../src/daemon/capability/capability.ts";
import type { Store } from "../../src/daemon/store/store.ts";
import type { Room } from "../../src/daemon/disk/room.ts";
import { ContentRecords } from "../../src/daemon/store/content-records.ts";
import { openDatabase } from "../../src/daemon/store/database.ts";
import type { Request } from "../../src/daemon/operation/operations.ts";
import { mmioModulesList } from "../../src/daemon/kernel/kernel-initrd.ts";
import type { Step } from "../../src/daemon/step/step-runner.ts";
import { TraceStore } from "../../src/daemon/trace/trace-store.ts";
import { type Services, wireServices } from "../../src/daemon/wire-services.ts";
import type { Installation } from "../../src/installation/install-file.ts";
import { type Layout, layoutOf } from "../../src/installation/layout.ts";
import type { guestContract } from "../../src/rpc/contract/guest.ts";
import type { ParamsOf, ResultOf } from "../../src/rpc/contract/method.ts";
import type { DiskKind } from "../../src/rpc/contract/disk-kind.ts";
import type { Image } from "../../src/rpc/contract/image.ts";
import type { OperationStatus } from "../../src/rpc/contract/operation.ts";
import type { Kernel } from "../../src/rpc/contract/kernel.ts";
import type { systemContract } from "../../src/rpc/contract/system.ts";
import type { ChangedVm, Vm } from "../../src/rpc/contract/vm.ts";
import type { vmContract } from "../../src/rpc/contract/vm-methods.ts";
import { ForeignRecords } from "../../src/daemon/log/foreign-records.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import { newOpId, type OpId } from "../../src/telemetry/op-id.ts";
import type { SpanRecord } from "../../src/telemetry/span-record.ts";
import { Spans } from "../../src/telemetry/spans.ts";
import { startTracer } from "../../src/telemetry/tracer.ts";
import { publishedVersion } from "./firecracker/published-api.ts";
import { ScriptedHelper } from "./scripted-helper.ts";

const imageId = "a".repeat(64);
const kernelId = "b".repeat(64);
/** Who asks. */
const caller = { uid: 61_000, gid: 61_000, pid: 4242 };
/** Where spans of the daemon under test go; the tracer of a process is made once. */
const sinks = new Set<(span: SpanRecord) => void>();
const tracer = startTracer("bangerd", (span) => {
  for (const sink of sinks) sink(span);
});

type CreateParams = ParamsOf<typeof vmContract.vmCreate>;
type RunParams = ParamsOf<typeof guestContract.vmRun>;
type SetParams = ParamsOf<typeof vmContract.vmSet>;
type RunResult = ResultOf<typeof guestContract.vmRun>;

/** A moment of an operation. */
export interface StepPoint {
  /** The step's own: a restart's are `vm.stop` and `vm.start`. */
  readonly operation: string;
  readonly step: string;
  readonly when: "before" | "after";
}

/** How a request is made. */
export interface Asking {
  readonly signal?: AbortSignal;
  readonly opId?: OpId;
  /** What tells a request that is sent again from another one. */
  readonly params?: unknown;
  readonly onEvent?: (event: string, data: unknown) => void | Promise<void>;
}

/** What is asked of a VM that nothing else is said of. */
const size = { cpus: 1, memory_mib: 512, network: "nat" as const, label: [], volume: [] };

/** What a change says nothing of. */
const unsaid = { label: [], unlabel: [], volume: [], no_volume: [] };

/**
 * The daemon's services on a host where nothing is real but the store, the files, the sockets and what is said on them: VMs that
 * take milliseconds and no root, and go wrong where a test says.
 */
export class ScriptedHost implements AsyncDisposable {
  readonly layout: Layout;
  readonly kernelId = kernelId;
  readonly helper: ScriptedHelper;
  readonly logged: (Record<string, unknown> & { message: string })[] = [];
  readonly spans: SpanRecord[] = [];
  /** MiB that the host has to give. */
  availableMib = 64_000;
  bootId = "boot-1";
  /** Called before and after each step acts; a step waits until it resolves. */
  atStep: (point: StepPoint) => void | Promise<void> = () => undefined;
  /** After those that there are. */
  capabilities: readonly Capability[] = [];
  /** What is free on the file system of disks, in bytes. */
  room: Room = { free: 2 ** 40, low: 2 ** 28 };
  /** By so much the host's clock was set forth. */
  clockSetMs = 0;
  /** So long the host had been up when this process began. */
  uptimeMs = 1_000_000_000;
  services!: Services;
  database!: Store;
  #traces!: TraceStore;
  readonly #installation: Installation;
  readonly #directory: string;
  readonly #sink = (span: SpanRecord) => {
    this.spans.push(span);
    this.#traces.keep(span);
  };

  private constructor(directory: string) {
    this.#directory = directory;
    this.#installation = {
      id: "5eed0002",
      ownerUid: 61_000,
      ownerGid: 61_000,
      stateDir: join(directory, "state"),
      runDir: join(directory, "run"),
      helperRunDir: join(directory, "helper"),
      subnet: "10.77.0.0/24",
      uidFirst: 60_706,
      uidCount: 16,
      resolvers: [],
      zone: "vm",
    };
    this.layout = layoutOf(this.#installation);
    mkdirSync(this.#installation.runDir);
    mkdirSync(this.ownerHome);
    this.helper = new ScriptedHelper(this.layout);
  }

  /** A host with a kernel, an image and a daemon that has reconciled; `prepare` sees it before the daemon does. */
  static async start(
    prepare: (host: ScriptedHost, ids: { imageId: string; kernelId: string }) => void | Promise<void> = () => undefined,
  ): Promise<ScriptedHost> {
    const host = new ScriptedHost(mkdtempSync(join(tmpdir(), "banger-host-")));
    host.#makeContent();
    await prepare(host, { imageId, kernelId });
    sinks.add(host.#sink);
    await host.startDaemon();
    return host;
  }

  /** The owner's config file; there is none until a test writes it. */
  get configPath(): string {
    return join(this.#directory, "config.toml");
  }

  /** Where a Firecracker is looked for, and its jailer; there is none until a test makes it. */
  get firecracker(): string {
    return join(this.#directory, "firecracker");
  }
  get jailer(): string {
    return join(this.#directory, "jailer");
  }

  /** Has KVM, and the Firecracker whose API is published, with its jailer, so that VMs are run by that. */
  installFirecracker(): void {
    for (const path of [this.firecracker, this.jailer]) writeFileSync(path, "");
    const program = { version: publishedVersion, usable: true, why: "it is scripted" };
    this.helper.kvm = { usable: true, why: "it is scripted" };
    this.helper.seenVmms = [
      { ...program, kind: "firecracker", path: this.firecracker, jailer: { ...program, path: this.jailer } },
    ];
  }

  /** Where the owner is at home. */
  get ownerHome(): string {
    return join(this.#directory, "home");
  }

  /** Wires the services on the state as it is, as a daemon that starts. */
  async startDaemon(): Promise<void> {
    this.database = openDatabase(this.layout.database);
    const write = (line: string) => void this.logged.push(JSON.parse(line) as never);
    const log = createLogger("bangerd", { write });
    const foreign = new ForeignRecords({ own: { write: () => undefined }, kept: { write } });
    this.#traces = new TraceStore(this.database, (error) => log.error({ err: error }, "spans were not kept"));
    this.services = await wireServices({
      installation: this.#installation,
      layout: this.layout,
      database: this.database,
      traces: this.#traces,
      spans: new Spans(tracer, this.#sink),
      log,
      foreign,
      now: () => new Date(Date.now() + this.clockSetMs),
      uptimeMs: () => performance.now() + this.uptimeMs,
      bootId: this.bootId,
      guestPrograms: join(this.#directory, "guest"),
      configPath: this.configPath,
      ownerHome: this.ownerHome,
      ownerState: join(this.ownerHome, ".local/state/banger", this.#installation.id),
      preinstalled: {
        helper: this.helper.link(),
        steps: (made) => ({
          run: (run) => made.run({ ...run, steps: run.steps.map((step) => this.#told(run.operation, step)) }),
        }),
        roomOf: () => this.room,
        firecrackerPlaces: { firecracker: [this.firecracker], jailer: [this.jailer] },
        links: () => new Set([...this.helper.taps.keys()].map((id) => this.layout.tap(id))),
        // The helper's facts tell of processes here; what they had for a pid is this process.
        processes: { mayLive: () => this.helper.vmms.size > 0 },
        capabilities: this.capabilities,
        memory: { available: () => this.availableMib, residentOf: () => 0 },
      },
    });
    if (!this.helper.away) await this.helper.reachable();
  }

  /** Ends the daemon as SIGTERM does; its VMs go on. */
  endDaemon(): void {
    this.services.close();
    this.#traces.close();
    this.database.close();
  }

  /** Asks the services as a request does. */
  ask<T>(
    work: (services: Services, request: Request & { input: AsyncIterable<Uint8Array> }) => Promise<T>,
    asking: Asking = {},
  ): Promise<T> {
    const opId = asking.opId ?? newOpId();
    const request = {
      opId,
      asked: { params: asking.params },
      peer: caller,
      signal: asking.signal ?? new AbortController().signal,
      emit: async (event: string, data?: unknown) => asking.onEvent?.(event, data),
      input: nothing(),
    };
    return new Spans(tracer, this.#sink).operation("request", { opId }, () => work(this.services, request));
  }

  create(name: string, asking?: Asking & { disk_kind?: DiskKind }, given: Partial<CreateParams> = {}): Promise<Vm> {
    const { disk_kind } = asking ?? {};
    const params = { ...size, disk_kind, ...given, name };
    return this.ask(({ vms }, request) => vms.create(params, request), { params: { name }, ...asking });
  }

  /** Asks for the same as `create` does, and doesn't stay. */
  beginCreate(name: string, asking?: Asking): Promise<OperationStatus> {
    return this.#begin(({ vms }, request) => vms.create({ ...size, name }, request), asking, { name });
  }

  beginStart(vm: string, asking?: Asking): Promise<OperationStatus> {
    return this.#begin(
      ({ vms }, request) => vms.start({ vm, overcommit: false, wait: "ready", wait_timeout_s: 1 }, request),
      asking,
      { vm },
    );
  }

  #told<S>(operation: string, step: Step<S>): Step<S> {
    return {
      ...step,
      do: async (subject, signal) => {
        await this.atStep({ operation, step: step.name, when: "before" });
        await step.do(subject, signal);
        await this.atStep({ operation, step: step.name, when: "after" });
      },
    };
  }

  #begin(
    work: (services: Services, request: Request) => Promise<unknown>,
    asking: Asking | undefined,
    params: unknown,
  ): Promise<OperationStatus> {
    return this.ask(
      (services, request) => services.operationAccess.begin(request, (staying) => work(services, staying)),
      { params, ...asking },
    );
  }

  /** Follows an operation to its end. */
  waitFor(op_id: string, from = 0, asking?: Asking): Promise<OperationStatus> {
    return this.ask(({ operationAccess }, request) => operationAccess.wait({ op_id, from }, request), asking);
  }

  status(op_id: string): OperationStatus {
    return this.services.operationAccess.status({ op_id }, caller);
  }

  cancelOperation(op_id: string): OperationStatus {
    return this.services.operationAccess.cancel({ op_id }, caller);
  }

  start(vm: string, asking?: Asking & { overcommit?: boolean }): Promise<Vm> {
    const params = { vm, overcommit: asking?.overcommit ?? false, wait: "ready" as const, wait_timeout_s: 1 };
    return this.ask(({ vms }, request) => vms.start(params, request), asking);
  }

  restart(vm: string, timeout_s: number, asking?: Asking): Promise<ChangedVm> {
    return this.ask(({ vms }, request) => vms.restart({ vm, timeout_s, overcommit: false }, request), asking);
  }

  pause(vm: string, asking?: Asking): Promise<ChangedVm> {
    return this.ask(({ vms }, request) => vms.pause({ vm }, request), asking);
  }

  resume(vm: string): Promise<ChangedVm> {
    return this.ask(({ vms }, request) => vms.resume({ vm }, request));
  }

  set(vm: string, given: Partial<Omit<SetParams, "vm">>, asking?: Asking): Promise<ChangedVm> {
    return this.ask(({ vms }, request) => vms.set({ ...unsaid, ...given, vm }, request), asking);
  }

  wait(vm: string, what: "ready" | "booted" | "ssh" | "stopped", timeout_s: number, asking?: Asking): Promise<Vm> {
    return this.ask(({ waits }, request) => waits.wait({ vm, for: what, timeout_s }, request), asking);
  }

  stop(vm: string, timeout_s: number, asking?: Asking): Promise<ChangedVm> {
    return this.ask(({ vms }, request) => vms.stop({ vm, timeout_s }, request), asking);
  }

  kill(vm: string, asking?: Asking): Promise<Vm> {
    return this.ask(({ vms }, request) => vms.kill({ vm }, request), asking);
  }

  run(given: Partial<RunParams>, asking?: Asking): Promise<RunResult> {
    const params = {
      cpus: 1,
      memory_mib: 512,
      network: "nat" as const,
      label: [],
      volume: [],
      overcommit: false,
      argv: ["true"],
      env: [],
      stdin: false,
      rm: false,
    };
    return this.ask(({ runs }, request) => runs.run({ ...params, ...given }, request), asking);
  }

  delete(vm: string, force: boolean, asking?: Asking, keep_work = false): Promise<unknown> {
    return this.ask(({ vms }, request) => vms.delete({ vm, force, keep_work }, request), asking);
  }

  reconcile(dry_run: boolean, remove_unowned = false): Promise<ResultOf<typeof systemContract.systemReconcile>> {
    return this.ask(({ reconciler }) => reconciler.onDemand({ dry_run, remove_unowned }));
  }

  doctor(fix: boolean): Promise<ResultOf<typeof systemContract.systemDoctor>> {
    return this.ask(({ doctor }, request) => doctor.run({ fix }, request));
  }

  exec(vm: string, asking?: Asking): Promise<{ exit_code: number | null }> {
    return this.ask(
      ({ guests }, request) => guests.exec({ vm, argv: ["true"], env: [], stdin: false }, request),
      asking,
    );
  }

  /** What a VM's guest writes to its console. */
  prints({ id }: Pick<Vm, "id">, text: string): void {
    appendFileSync(this.layout.vm(id).consoleLog, text);
  }

  show(name: string): Vm {
    const vm = this.services.vms.list().find((candidate) => candidate.name === name);
    if (vm === undefined) throw new Error(`there is no VM ${name}`);
    return vm;
  }

  /** Resolves when the VM is as `fits` says. */
  async until(vm: string, fits: (vm: Vm) => boolean): Promise<Vm> {
    for (;;) {
      const now = this.show(vm);
      if (fits(now)) return now;
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.endDaemon();
    sinks.delete(this.#sink);
    for (const id of this.helper.vmms.keys()) await this.helper.vmmEnds(id, { status: 0, signal: null });
    rmSync(this.#directory, { recursive: true });
  }

  #makeContent(): void {
    const write = (path: string, text: string) => {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
    };
    write(this.layout.image(imageId), "");
    truncateSync(this.layout.image(imageId), 64 * 1024 * 1024);
    // As any VMM's is: an ELF file, and an initrd with the modules of each.
    const [vmlinux, initrd] = ["\u007fELF", `initrd ${mmioModulesList}\0`];
    write(this.layout.kernel(kernelId).vmlinux, vmlinux);
    write(this.layout.kernel(kernelId).initrd, initrd);
    for (const program of ["init", "banger-agent"]) write(join(this.#directory, "guest", program), program);
    const database = openDatabase(this.layout.database);
    const created_at = new Date().toISOString();
    new ContentRecords<Image>(database, "images").insert({
      id: imageId,
      name: "debian",
      size: 64 * 1024 * 1024,
      source: "test",
      created_at,
    });
    new ContentRecords<Kernel>(database, "kernels").insert({
      id: kernelId,
      name: "linux",
      release: "6.1",
      size: vmlinux.length + initrd.length,
      least_memory_mib: 64,
      created_at,
    });
    database.close();
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {
  // An input that has ended.
}
