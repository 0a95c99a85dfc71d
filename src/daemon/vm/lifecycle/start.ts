import { appendFileSync, copyFileSync, chmodSync, rmSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { formatIpv4, type Installation, parseSubnet } from "../../../installation/install-file.ts";
import type { Layout } from "../../../installation/layout.ts";
import { BangerError } from "../../../rpc/contract/errors.ts";
import { helperContract } from "../../../rpc/contract/helper.ts";
import type { Vm } from "../../../rpc/contract/vm.ts";
import { attribute } from "../../../telemetry/names.ts";
import type { Spans } from "../../../telemetry/spans.ts";
import { AgentClient } from "../../guest/agent-client.ts";
import { openAgentSocket } from "../../guest/agent-socket.ts";
import { guestConfigArchive } from "../../guest/guest-config.ts";
import { printable } from "../../../rpc/printable.ts";
import type { HelperLink } from "../../helper-link.ts";
import type { SshKeys } from "../../ssh/ssh-keys.ts";
import type { OperationContext, Step, StepRunner } from "../../step/step-runner.ts";
import type { VmmConnection, VmmDriver } from "../../vmm/driver.ts";
import type { BootTrace } from "../boot-trace.ts";
import type { Release } from "../release.ts";
import type { RunningVm, RunningVms } from "../running.ts";
import type { VmRecords } from "../vm-records.ts";

/** What starting a VM needs. */
export interface StartDeps {
  readonly installation: Installation;
  readonly layout: Layout;
  readonly records: VmRecords;
  readonly running: RunningVms;
  readonly driver: VmmDriver;
  readonly helper: HelperLink;
  readonly keys: SshKeys;
  readonly release: Release;
  readonly steps: StepRunner;
  readonly bootTrace: BootTrace;
  readonly spans: Spans;
  /** The name servers that guests are given. */
  readonly resolvers: () => readonly string[];
  /** The archive with the guest's programs of this version. */
  readonly guestPrograms: () => Buffer;
}

/** How long a guest has until its agent answers; software emulation on a busy host is slow. */
const readyDeadlineMs = 120_000;
/** How long a VMM that ends has for its last words. */
const lastWordsMs = 500;
/** How many of the console's last lines an error carries. */
const consoleLines = 50;

/** A start under way. */
interface Starting {
  readonly vm: Vm;
  launchedAt: Date;
}

/** Boots a VM; returns when a command runs in its root file system. The caller holds the VM's lock. */
export async function startVm(deps: StartDeps, before: Vm, context: OperationContext): Promise<Vm> {
  const { records } = deps;
  const vm = records.update(before.id, {
    state: "starting",
    generation: before.generation + 1,
    accel: deps.driver.accelerator.kind,
    error: null,
  });
  await deps.steps.run({
    operation: "vm.start",
    subject: { vm, launchedAt: new Date() },
    context,
    attributes: { [attribute.vmId]: vm.id, [attribute.vmName]: vm.name },
    steps: startSteps(deps),
  });
  return records.must(vm.id);
}

/** The steps of a start, in order. */
function startSteps(deps: StartDeps): Step<Starting>[] {
  const { layout, records, running, driver, helper, release } = deps;
  const releaseVmm = ({ vm }: Starting) => release.vmm(vm);
  return [
    {
      name: "bridge",
      do: async () => void (await helper.call(helperContract.bridgeEnsure, {})),
      undo: { none: "the bridge is shared; `network down` removes it" },
    },
    {
      name: "nat",
      do: async () => void (await helper.call(helperContract.natEnsure, {})),
      undo: { none: "the table is shared; `network down` removes it" },
    },
    {
      name: "initrd",
      do: async ({ vm }) => writeInitrd(deps, vm),
      undo: async ({ vm }) => rmSync(layout.vm(vm.id).initrd, { force: true }),
    },
    {
      name: "tap",
      do: async ({ vm }) =>
        void (await helper.call(helperContract.tapCreate, { vm_id: vm.id, address: vm.address, mac: vm.mac })),
      undo: ({ vm }) => release.tap(vm),
    },
    {
      name: "vmm",
      do: async (starting) => {
        const { vm } = starting;
        const { consoleLog } = layout.vm(vm.id);
        for (const log of [consoleLog, `${consoleLog}.1`]) rmSync(log, { force: true });
        const launched = await driver.launch({
          vmId: vm.id,
          generation: vm.generation,
          kernelId: vm.kernel.id,
          imageId: vm.image.id,
          cpus: vm.cpus,
          memoryMib: vm.memory_mib,
          mac: vm.mac,
        });
        starting.launchedAt = launched.startedAt;
        records.update(vm.id, { pid: launched.pid });
      },
      undo: releaseVmm,
    },
    {
      name: "connect",
      do: async ({ vm }) => running.put(vm.id, { generation: vm.generation, vmm: await driver.connect(vm.id) }),
      undo: async ({ vm }) => running.drop(vm.id, vm.generation),
    },
    {
      name: "boot",
      do: async ({ vm }) => connected(running, vm).vmm.boot(),
      undo: releaseVmm,
    },
    {
      name: "ready",
      do: async ({ vm }, signal) => {
        const from = deps.spans.nowNs();
        const handle = connected(running, vm);
        handle.agent = await awaitAgent(handle.vmm, signal, readyDeadlineMs);
        await handle.agent.setClock(await deps.bootTrace.record(handle.agent, from));
      },
      undo: releaseVmm,
    },
    {
      name: "record",
      do: async ({ vm, launchedAt }) =>
        void records.update(vm.id, { state: "running", started_at: launchedAt.toISOString() }),
      undo: async ({ vm }) => void records.update(vm.id, { state: "starting", started_at: null, pid: null }),
    },
  ];
}

/** The kernel's initrd and, after it, archives of the guest's programs and of what this VM is given: the kernel unpacks all, one over the other. */
function writeInitrd(deps: StartDeps, vm: Vm): void {
  const { layout, installation, keys } = deps;
  const { initrd } = layout.vm(vm.id);
  const { first, prefix } = parseSubnet(installation.subnet);
  rmSync(initrd, { force: true });
  copyFileSync(layout.kernel(vm.kernel.id).initrd, initrd);
  chmodSync(initrd, 0o600);
  appendFileSync(initrd, deps.guestPrograms());
  appendFileSync(
    initrd,
    guestConfigArchive({
      hostname: vm.name,
      address: `${vm.address}/${prefix}`,
      gateway: formatIpv4(first),
      resolvers: deps.resolvers(),
      mac: vm.mac,
      authorizedKeys: keys.authorizedKeys(),
      ...keys.hostKey(layout.vm(vm.id)),
    }),
  );
}

function connected(running: RunningVms, vm: Vm): RunningVm {
  const handle = running.get(vm.id);
  if (handle === undefined) throw new BangerError("guest_died", `vm ${vm.name}: its VMM is gone`);
  return handle;
}

function codeOf(error: unknown): string | undefined {
  return error instanceof BangerError ? error.code : undefined;
}

/** Waits for the guest's agent, no longer than the VMM lives. */
export async function awaitAgent(vmm: VmmConnection, caller: AbortSignal, deadlineMs: number): Promise<AgentClient> {
  const gone = new AbortController();
  void vmm.exited.then(() => gone.abort(new BangerError("guest_died", "the VMM ended while the guest booted")));
  const signal = AbortSignal.any([caller, gone.signal]);
  try {
    return await AgentClient.attach({ stream: await openAgentSocket(vmm.agentPath, signal), signal, deadlineMs });
  } catch (error) {
    caller.throwIfAborted();
    if (codeOf(error) === "bad_version") throw error;
    const code = gone.signal.aborted
      ? "guest_died"
      : codeOf(error) === "deadline_exceeded"
        ? "deadline_exceeded"
        : undefined;
    if (code === undefined && codeOf(error) !== "guest_died") throw error;
    // The socket of the agent may close before that of QMP: the VMM is ending, and its last words are on the way.
    if (code !== "deadline_exceeded") await Promise.race([vmm.exited, delay(lastWordsMs, undefined, { ref: false })]);
    throw new BangerError(
      code ?? "guest_died",
      code === "deadline_exceeded"
        ? `the guest's agent did not answer within ${deadlineMs / 1000} s`
        : "the VMM ended while the guest booted",
      { cause: error, details: { console: printable(vmm.console.tail(consoleLines)) } },
    );
  }
}
