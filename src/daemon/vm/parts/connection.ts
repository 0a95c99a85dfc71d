import { BangerError } from "../../../rpc/contract/errors.ts";
import { AgentLink } from "../../guest/agent-link.ts";
import type { Spans } from "../../../telemetry/spans.ts";
import type { HostProcesses, ProcessId } from "../../stats/vmm-process.ts";
import type { VmmDrivers, VmmKind } from "../../vmm/driver.ts";
import type { RunningVm, RunningVms } from "../running.ts";
import type { VmRecords } from "../vm-records.ts";
import type { Made, Part } from "./part.ts";

/** What a connection needs. */
export interface ConnectionDeps {
  readonly drivers: VmmDrivers;
  readonly running: RunningVms;
  readonly spans: Pick<Spans, "nowNs">;
  readonly records: VmRecords;
  readonly processes: Pick<HostProcesses, "identify">;
}

/** The daemon's handle on the VMM: its control, and the link to the guest's agent. */
export function connection(deps: ConnectionDeps): Part {
  return {
    name: "connect",
    acquire: async ({ vm }, signal) => void (await connectVm(deps, vm, signal)),
    release: async ({ id, generation }) => deps.running.drop(id, generation),
  };
}

/** A VM, and what runs it. */
type MadeBy = Made & { readonly vmm: VmmKind };

/** Connects to a VM's VMM, also to one that an earlier daemon started; `isWanted` is asked when that took its time. */
export async function connectVm(
  deps: ConnectionDeps,
  made: MadeBy,
  signal: AbortSignal,
  isWanted: () => boolean = () => true,
): Promise<RunningVm> {
  const vmm = await deps.drivers[made.vmm].connect(made.id, signal);
  if (!isWanted()) {
    vmm.close();
    throw new BangerError("guest_died", "the VM ended while its VMM was connected to");
  }
  const agent = new AgentLink({
    openAgent: (over) => vmm.openAgent(over),
    now: () => deps.spans.nowNs(),
  });
  agent.start();
  const handle = { generation: made.generation, vmm, agent, process: processOf(deps, made) };
  deps.running.put(made.id, handle);
  return handle;
}

/** Its VMM has just answered, so it is what has the number in the record. */
function processOf({ records, processes }: ConnectionDeps, { id }: Made): ProcessId | undefined {
  const pid = records.get(id)?.pid ?? null;
  return pid === null ? undefined : processes.identify(pid);
}
