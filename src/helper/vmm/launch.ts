import { closeSync, constants, fstatSync, openSync } from "node:fs";
import type { HelperDeps } from "../deps.ts";
import type { VmFacts } from "../files/facts.ts";
import type { Recorder } from "./launcher.ts";
import { lendFiles, returnFiles } from "./lent-files.ts";
import { vmmLimits } from "./limits.ts";
import { formatOf, openGiven, openVolume } from "./open-files.ts";
import { recorderCommand } from "./recorder.ts";
import type { Given, StartParams, VmmPlan } from "./vmm-kind.ts";

/** Keeps a descriptor open until what is launched has it. */
type Keep = (fd: number) => number;

/** Starts a VM's VMM: under its own uid, with the files that it is given as descriptors, below a recorder. */
export async function launchVmm(
  deps: HelperDeps,
  known: VmFacts,
  params: StartParams,
  plan: VmmPlan,
): Promise<Recorder> {
  const { layout, installation, programs } = deps;
  const { vm_id: vmId, uid } = known;
  const descriptors: number[] = [];
  const keep = (fd: number) => {
    descriptors.push(fd);
    return fd;
  };
  try {
    // What another VMM of its was lent, or another VM's, and nobody took back: this one may be given its files open.
    returnFiles(deps, known, params.volumes ?? []);
    const files = openAll(deps, params, plan.given, keep);
    const volumes = (params.volumes ?? []).map((id) => keep(openVolume(deps, id)));
    lendFiles(deps, uid, { ...files, disks: plan.opensDisks ? [files.rootDisk, ...volumes] : [] });
    const [console, words] = [keptPipe(deps, keep), wordsPipe(deps, plan, keep)];
    const log = keep(openSync(layout.vmmLog(vmId), "w", 0o600));
    const limits = vmmLimits({
      cpus: params.cpus,
      memoryMib: params.memory_mib,
      rootDisk: files.rootDisk,
      format: formatOf(params),
      volumes,
    });
    const command = recorderCommand({
      record: layout.vmmRecord(vmId),
      owner: { uid: installation.ownerUid, gid: installation.ownerGid },
      console: { program: programs.consoleLog, path: layout.vm(vmId).consoleLog },
      wordsProgram: programs.vmmWords,
      input: layout.consoleInput(vmId),
      given: plan.given.map((name) => files[name]),
      volumes,
      plumbing: { console, words: { ...words, file: log } },
      argv: plan.argv(limits),
    });
    const { memoryBytes, tasks } = limits;
    const devices = [...plan.devices, ...deviceOf(files.rootDisk)];
    // One that inherits its files closes none of ours; one that takes them has them when this returns.
    return await deps.launch({ vmId, command, memoryBytes, tasks, devices, makesNodes: plan.makesNodes });
  } finally {
    for (const fd of descriptors) closeSync(fd);
  }
}

function openAll(deps: HelperDeps, params: StartParams, given: readonly Given[], keep: Keep): Record<Given, number> {
  const opened = given.map((name) => [name, keep(openGiven(deps, params, name))] as const);
  return Object.fromEntries(opened) as Record<Given, number>;
}

/** One by one: where the second can't be made, the first is closed. */
function keptPipe({ libc }: HelperDeps, keep: Keep): { read: number; write: number } {
  const { read, write } = libc.pipe();
  return { read: keep(read), write: keep(write) };
}

/** How a VMM's own words come: by a pipe, or by the ends of the FIFO that it opens itself. */
function wordsPipe(deps: HelperDeps, { wordsFifo }: VmmPlan, keep: Keep): { read: number; write: number } {
  if (wordsFifo === undefined) return keptPipe(deps, keep);
  // With this open neither end waits for the other.
  const both = openSync(wordsFifo, constants.O_RDWR | constants.O_NONBLOCK);
  try {
    return { read: keep(openSync(wordsFifo, "r")), write: keep(openSync(wordsFifo, constants.O_WRONLY)) };
  } finally {
    closeSync(both);
  }
}

/** A root disk that is a device. */
function deviceOf(rootDisk: number): string[] {
  const disk = fstatSync(rootDisk);
  return disk.isBlockDevice() ? [blockDevice(disk.rdev)] : [];
}

/** A block device by its numbers, which stay when its name doesn't (makedev(3)). */
function blockDevice(rdev: number): string {
  const [major, minor] = [(rdev >> 8) & 0xfff, (rdev & 0xff) | ((rdev >> 12) & 0xfff00)];
  return `/dev/block/${major}:${minor}`;
}
