import type { GuestMemory } from "../guest/guest-usage.ts";
import { within } from "../guest/within.ts";
import type { RunningVm } from "../vm/running.ts";
import type { StoredVm } from "../vm/vm-records.ts";
import type { DiskUse } from "../vmm/driver.ts";
import { type Known, known } from "./known.ts";
import type { LinkCounters, LinkTable } from "./link-counters.ts";
import type { HostProcesses, ProcessUse } from "./vmm-process.ts";

/** What a VM used until one moment. */
export interface Sample {
  readonly at: Date;
  /** The same by a clock that nobody sets, in milliseconds. */
  readonly atMs: number;
  readonly process: Known<ProcessUse>;
  readonly guestMemory: Known<GuestMemory>;
  readonly disk: Known<DiskUse>;
  /** Of its link, as the host sees it. */
  readonly link: Known<LinkCounters>;
}

/** What taking a sample needs. */
export interface SampleDeps {
  readonly processes: HostProcesses;
  /** The name of a VM's link. */
  readonly tap: (vmId: string) => string;
}

/** A guest or a VMM that is busy answers late, under emulation above all; who looks doesn't wait longer. */
const answerMs = 1_500;
const silent = "its VMM can't be reached; it is asked again";

/** Looks at a VM that runs; whoever of its sources says nothing leaves the others as they are. `links`: read at most once for all. */
export async function takeSample(
  deps: SampleDeps,
  vm: StoredVm,
  running: RunningVm | undefined,
  links: () => LinkTable,
): Promise<Sample> {
  const moment = { at: new Date(), atMs: performance.now() };
  const process = await known(
    async () => running?.process && deps.processes.useOf(running.process),
    noProcess(running),
  );
  const link = await linkOf(deps, vm, links);
  if (running === undefined) return { ...moment, process, link, guestMemory: { why: silent }, disk: { why: silent } };
  const [guestMemory, disk] = await Promise.all([guestMemoryOf(running), diskUseOf(running)]);
  return { ...moment, process, link, guestMemory, disk };
}

function noProcess(running: RunningVm | undefined): string {
  return running === undefined ? silent : "its VMM's process can't be seen: it has ended, or /proc hides it (hidepid)";
}

function linkOf({ tap }: SampleDeps, { id, network }: StoredVm, links: () => LinkTable): Promise<Known<LinkCounters>> {
  if (network === "none") return Promise.resolve({ why: "it has no network" });
  return known(async () => links().get(tap(id)), `its link ${tap(id)} isn't there`);
}

/** A guest that stands still can't answer; of one whose agent is silent, its kernel may have told the VMM. */
function guestMemoryOf({ agent, vmm }: RunningVm): Promise<Known<GuestMemory>> {
  const { condition } = vmm;
  if (condition !== "running")
    return Promise.resolve({ why: condition === "paused" ? "it is paused" : "it stands still" });
  const asked = agent.usage(answerMs).catch(async (error: unknown) => {
    const told = await vmm.guestMemory(AbortSignal.timeout(answerMs)).catch(() => undefined);
    if (told !== undefined) return told;
    throw error;
  });
  return known(() => asked, "its kernel doesn't say");
}

function diskUseOf({ vmm }: RunningVm): Promise<Known<DiskUse>> {
  const asked = vmm.stats(AbortSignal.timeout(answerMs * 2)).then(({ disk }) => disk);
  return known(() => within(answerMs, "its VMM did not answer", asked), "its VMM doesn't say");
}
