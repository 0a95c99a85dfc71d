import type { Held, HeldPart } from "../parts/part.ts";
import { activeStates } from "../state.ts";
import type { Place } from "../../store/places.ts";
import type { VmOutline } from "../vm-records.ts";

/** What is done about what was found. `end`: the VMM is dead, so its VM is over, or started again where its guest rebooted. */
export type Action = "adopt" | "end" | "remove" | "go_on_stopping" | "none";

/** A VM's record, as far as the plan reads it. */
export type Recorded = Pick<VmOutline, "id" | "name" | "state" | "generation" | "stop_by">;

/** What there is of this installation at one moment. */
export interface Seen {
  /** When, in Unix time, milliseconds. */
  readonly at: number;
  readonly records: readonly Recorded[];
  /** VMMs that run. */
  readonly alive: Held["vmms"];
  /** Whatever parts found to be held. */
  readonly held: readonly (HeldPart & { readonly what: string })[];
  /** VMs with which something is under way, or was a moment ago: they are left alone. */
  readonly busy: ReadonlySet<string>;
  /** VMs to whose VMM, of the record's generation, the daemon is connected. */
  readonly reached: ReadonlySet<string>;
  /** The names in the directory of VMs' directories that are VMs' ids. */
  readonly directories: readonly string[];
  /** VMs that are being made, by their record, and whose guest has printed something. */
  readonly wereStarted: ReadonlySet<string>;
  /** VMs that have no file of a root disk. */
  readonly withoutDisk: ReadonlySet<string>;
  /** VMs that run, are to have a network, and have no tap. */
  readonly withoutTap: ReadonlySet<string>;
  /** Paths of what was half made of images and kernels; none while one is being made. */
  readonly halves: readonly string[];
  /** Images and kernels without a record. */
  readonly unowned: readonly Pick<Place, "what" | "path">[];
}

/** One thing that isn't as it should be. */
export interface Planned {
  readonly vm?: { readonly id: string; readonly name?: string };
  /** Of what is no VM's. */
  readonly path?: string;
  /** The VMM of the record's generation, where it runs. */
  readonly vmm?: Held["vmms"][number];
  /** The highest generation of what the host holds of it; absent where it holds nothing. */
  readonly generation?: number;
  /** `record`, `directory`, `root disk`, `scratch`, or what a part found: `vmm`, `tap`. */
  readonly found: readonly string[];
  readonly action: Action;
  readonly why: string;
  /** True of what no record owns and what may be the only copy of something. It stays, unless its removal is asked for. */
  readonly unowned?: true;
}

/** What may be removed. */
export interface PlanOptions {
  /** What no record owns too, with all that it holds. */
  readonly removeUnowned: boolean;
}

type Decision = Pick<Planned, "action" | "why" | "vmm" | "unowned"> & { readonly besides?: readonly string[] };

/** Decides what is done about each thing that isn't as the records say; what is as it should be isn't told. */
export function planReconcile(seen: Seen, options: PlanOptions = { removeUnowned: false }): Planned[] {
  const records = new Map(seen.records.map((record) => [record.id, record]));
  const held = Map.groupBy(seen.held, ({ id }) => id);
  const directories = new Set(seen.directories);
  const ids = new Set([...records.keys(), ...held.keys(), ...directories]);
  const ofVms = [...ids]
    .filter((id) => !seen.busy.has(id))
    .flatMap((id) =>
      planVm(seen, { id, record: records.get(id), held: held.get(id) ?? [], directory: directories.has(id) }),
    );
  const planned = [...ofVms, ...seen.halves.map(ofHalf), ...seen.unowned.map(ofUnowned)];
  if (!options.removeUnowned) return planned;
  return planned.map((one) => (one.unowned === true ? { ...one, action: "remove" } : one));
}

/** What was seen of one VM. */
interface SeenVm {
  readonly id: string;
  readonly record: Recorded | undefined;
  readonly held: Seen["held"];
  /** True where it has one. */
  readonly directory: boolean;
}

function planVm(seen: Seen, { id, record, held, directory }: SeenVm): Planned[] {
  const whats = [...new Set(held.map(({ what }) => what))];
  const decisions =
    record === undefined ? ofNobody(seen, id, directory, whats) : decide(seen, { id, record, directory }, whats);
  const vm = record === undefined ? { id } : { id, name: record.name };
  const generations = held.map((one) => one.generation);
  return [decisions].flat().flatMap((decision) => {
    if (decision === undefined) return [];
    const { besides = [], ...decided } = decision;
    return {
      vm,
      ...(generations.length === 0 ? {} : { generation: Math.max(...generations) }),
      found: decided.action === "none" ? besides : [...besides, ...whats],
      ...decided,
    };
  });
}

/** What is there of a VM that has no record. What is held is made anew by any start; a guest that runs, and a directory, are not. */
function ofNobody(seen: Seen, id: string, has: boolean, whats: readonly string[]): Decision[] {
  const directory = has ? ["directory"] : [];
  if (seen.alive.some(({ vm_id }) => vm_id === id)) {
    const why = "it runs, and no record owns it: it may be the only copy of somebody's work";
    return [{ action: "none", unowned: true, besides: [...directory, ...whats], why }];
  }
  const why = "no record owns it, and it may be the only copy of somebody's disk";
  return [
    ...(whats.length > 0 ? [{ action: "remove" as const, why: "no VM has this id" }] : []),
    ...(has ? [{ action: "none" as const, unowned: true as const, besides: directory, why }] : []),
  ];
}

function decide(
  seen: Seen,
  { id, record, directory: has }: Omit<SeenVm, "held" | "record"> & { readonly record: Recorded },
  whats: readonly string[],
): Decision | undefined {
  const vmm = seen.alive.find(({ vm_id }) => vm_id === id);
  if (record.state === "creating") {
    const besides = ["record", ...(has ? ["directory"] : [])];
    if (vmm === undefined && !seen.wereStarted.has(id)) {
      return { action: "remove", besides, why: "it was being made when a daemon ended" };
    }
    return { action: "none", unowned: true, besides, why: "its record says that it is being made, and it was started" };
  }
  if (vmm !== undefined && vmm.generation > record.generation) {
    return { action: "adopt", besides: ["record"], vmm, why: "it was started after what its record knows, and runs" };
  }
  if (!activeStates.has(record.state)) {
    if (whats.length > 0) return { action: "remove", why: `a VM that is ${record.state} holds nothing` };
    return withoutDisk(seen, id, "it can't be started any more; `banger vm delete` removes what is left");
  }
  return decideActive(seen, record);
}

/** A VM of which the record says that it starts, runs or stops. Only a dead VMM ends one. */
function decideActive(seen: Seen, { id, state, generation, stop_by }: Recorded): Decision | undefined {
  const besides = ["record"];
  const vmm = seen.alive.find((one) => one.vm_id === id && one.generation === generation);
  if (vmm === undefined) {
    return { action: "end", besides, why: `its record says ${state}, and its VMM is dead` };
  }
  if (state === "stopping" && stop_by !== null) {
    const why =
      Date.parse(stop_by) > seen.at
        ? "a stop was cut off; its guest has the time that was given"
        : "it was to be ended, and that was cut off";
    return { action: "go_on_stopping", besides, why };
  }
  if (state === "starting") return { action: "adopt", besides, vmm, why: "a start was cut off, and its VMM runs" };
  if (!seen.reached.has(id)) return { action: "adopt", why: "its VMM runs, and the daemon isn't connected to it" };
  if (seen.withoutTap.has(id)) {
    return { action: "none", besides: ["tap"], why: "its tap is gone: its guest has no network until it is restarted" };
  }
  return withoutDisk(seen, id, "it runs on what was removed; what it writes is gone when it stops");
}

function withoutDisk(seen: Seen, id: string, follows: string): Decision | undefined {
  if (!seen.withoutDisk.has(id)) return undefined;
  return { action: "none", besides: ["root disk"], why: `the file of its root disk is gone: ${follows}` };
}

function ofUnowned({ what, path }: Seen["unowned"][number]): Planned {
  return {
    path,
    found: [what],
    action: "none",
    unowned: true,
    why: `no record owns it, and it may be the ${what} of VMs`,
  };
}

function ofHalf(path: string): Planned {
  return { path, found: ["scratch"], action: "remove", why: "it was being made when a daemon ended" };
}
