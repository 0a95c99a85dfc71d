import type { Layout } from "../../../installation/layout.ts";
import { BangerError } from "../../../rpc/contract/errors.ts";
import { printable } from "../../../rpc/printable.ts";
import type { Logger } from "../../../telemetry/log.ts";
import type { Spans } from "../../../telemetry/spans.ts";
import { awaitReady } from "../../guest/await-ready.ts";
import type { BootTrace } from "../../guest/boot-trace.ts";
import { ConsoleLog } from "../../vmm/console-log.ts";
import { stuck } from "../../vmm/driver.ts";
import { lateBoot } from "../more-cpus.ts";
import type { RunningVm, RunningVms } from "../running.ts";
import type { StoredVm } from "../vm-records.ts";
import type { Part } from "./part.ts";

/** What booting the guest needs. */
export interface GuestDeps {
  readonly layout: Layout;
  readonly running: RunningVms;
  readonly bootTrace: BootTrace;
  readonly spans: Spans;
  readonly log: Logger;
}

/** How long a guest has until its agent answers; software emulation on a busy host is slow. */
const readyDeadlineMs = 120_000;

/** So many of the console's lines go into the log of a start that went well; a VMM has little else to say. */
const loggedLines = 20;

const withTheVmm = { none: "it ends with its VMM" };

/** The guest's first instruction. */
export function boot({ running }: Pick<GuestDeps, "running">): Part {
  return {
    name: "boot",
    acquire: async ({ vm }, signal) => connected(running, vm).vmm.boot(signal),
    release: withTheVmm,
  };
}

/** The guest's agent, which says that a command can run in the root file system. */
export function ready({ layout, running, bootTrace, spans, log }: GuestDeps): Part {
  return {
    name: "ready",
    acquire: async ({ vm }, signal) => {
      const from = spans.nowNs();
      const { agent, vmm } = connected(running, vm);
      const console = new ConsoleLog(layout.vm(vm.id).consoleLog);
      const answer = await awaitReady(
        { agent, lost: vmm.lost, tail: (lines) => console.tail(lines) },
        AbortSignal.any([signal, standsStill(vm, vmm)]),
        readyDeadlineMs,
      ).catch((error: unknown) => {
        throw lateBoot(error, vm);
      });
      bootTrace.record(answer, from, vm);
      const printed = printable(console.tail(loggedLines));
      if (printed !== "") log.info({ console: printed }, "the guest printed this before it was ready");
    },
    release: withTheVmm,
  };
}

/** Aborts when the guest stands still, as what it writes can't be written: it would be waited for in vain. */
function standsStill({ name }: StoredVm, vmm: RunningVm["vmm"]): AbortSignal {
  const still = new AbortController();
  const look = () => {
    if (!stuck.has(vmm.condition)) return;
    const [code, why] =
      vmm.condition === "no_space"
        ? (["no_space", "the host's disk is full"] as const)
        : (["host_failed", "its disk can't be written"] as const);
    still.abort(new BangerError(code, `vm ${name} stands still, as ${why}`));
  };
  vmm.onCondition(look);
  look();
  return still.signal;
}

function connected(running: RunningVms, vm: StoredVm): RunningVm {
  const handle = running.get(vm.id);
  if (handle === undefined) throw new BangerError("guest_died", `vm ${vm.name}: its VMM is gone`);
  return handle;
}
