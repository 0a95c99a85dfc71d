import { existsSync, readdirSync } from "node:fs";
import { basename } from "node:path";
import type { Layout } from "../../../installation/layout.ts";
import { helperContract } from "../../../rpc/contract/helper.ts";
import type { HelperLink } from "../../helper/helper-link.ts";
import type { Operations } from "../../operation/operations.ts";
import { findHalves, type HalvesDeps } from "../../store/halves.ts";
import { halfOf, unownedPlaces } from "../../store/places.ts";
import type { Held, Part } from "../parts/part.ts";
import type { RunningVms } from "../running.ts";
import type { VmLocks } from "../vm-locks.ts";
import type { VmOutline, VmRecords } from "../vm-records.ts";
import { wasStarted } from "./halves.ts";
import type { Seen } from "./plan.ts";

/** What looking needs. */
export interface LookDeps {
  readonly layout: Layout;
  readonly records: Pick<VmRecords, "outlines">;
  readonly running: Pick<RunningVms, "get">;
  readonly parts: readonly Part[];
  readonly locks: Pick<VmLocks, "isHeld">;
  readonly operations: Pick<Operations, "underWay">;
  readonly helper: Pick<HelperLink, "call">;
  readonly halves: HalvesDeps;
}

/** What was seen, and whether a VM changed while it was looked at: that one is left alone, and can be looked at again. */
export interface Look {
  readonly seen: Seen;
  readonly changed: boolean;
}

const vmId = /^[0-9a-f]{16}$/;

/** Looks at records, at what helper and kernel hold, and at files. Changes nothing. */
export async function look(deps: LookDeps): Promise<Look> {
  const { records, locks, running, parts } = deps;
  const before = records.outlines();
  const heldBefore = before.filter(({ id }) => locks.isHeld(id)).map(({ id }) => id);
  const held = await deps.helper.call(helperContract.vmmList, {});
  const now = records.outlines();
  const changed = changedSince(before, now);
  const making = new Set(deps.operations.underWay().map(({ subject }) => subject));
  const busy = now.filter(({ id, state }) => locks.isHeld(id) || (state === "creating" && making.has(id)));
  return {
    changed: changed.length > 0,
    seen: {
      at: Date.now(),
      records: now,
      alive: held.vmms,
      held: heldBy(parts, held),
      busy: new Set([...busy.map(({ id }) => id), ...heldBefore, ...changed]),
      reached: new Set(now.filter((vm) => running.get(vm.id)?.generation === vm.generation).map(({ id }) => id)),
      withoutTap: withoutTap(now, held),
      ...filesOf(deps, now),
      // Of a VM that is being deleted, its directory is one for a moment.
      halves: isMaking(deps) ? [] : findHalves(deps.halves).filter((path) => !locks.isHeld(basename(path, halfOf("")))),
      unowned: unownedPlaces(deps.halves).filter(({ what }) => what !== "vm"),
    },
  };
}

function withoutTap(records: readonly VmOutline[], { taps }: Held): ReadonlySet<string> {
  const withTap = new Set(taps.map(({ vm_id }) => vm_id));
  const needTap = records.filter((vm) => vm.state === "running" && vm.network !== "none");
  return new Set(needTap.filter(({ id }) => !withTap.has(id)).map(({ id }) => id));
}

function heldBy(parts: readonly Part[], held: Held): Seen["held"] {
  return parts.flatMap(({ name, found }) => (found?.(held) ?? []).map((one) => ({ what: name, ...one })));
}

/** VMs that were made, deleted, or went from one state to another. */
function changedSince(before: readonly VmOutline[], now: readonly VmOutline[]): string[] {
  const textOf = ({ id, state, generation }: VmOutline) => `${id} ${state} ${generation}`;
  const [then, since] = [new Set(before.map(textOf)), new Set(now.map(textOf))];
  const differ = [...before.filter((vm) => !since.has(textOf(vm))), ...now.filter((vm) => !then.has(textOf(vm)))];
  return [...new Set(differ.map(({ id }) => id))];
}

/** What the files of VMs are; whatever else lies beside them is nobody's business. */
function filesOf(
  { layout }: Pick<LookDeps, "layout">,
  records: readonly Pick<VmOutline, "id" | "state">[],
): Pick<Seen, "directories" | "withoutDisk" | "wereStarted"> {
  const lacksDisk = ({ id }: { id: string }) => !Object.values(layout.vm(id).rootDisk).some((path) => existsSync(path));
  return {
    directories: readdirSync(layout.vms).filter((name) => vmId.test(name)),
    wereStarted: new Set(
      records.filter(({ id, state }) => state === "creating" && wasStarted({ layout }, id)).map(({ id }) => id),
    ),
    withoutDisk: new Set(records.filter((vm) => vm.state !== "creating" && lacksDisk(vm)).map(({ id }) => id)),
  };
}

/** True while an image or a kernel is being made, whose halves are no leftovers. */
function isMaking({ operations }: Pick<LookDeps, "operations">): boolean {
  return operations.underWay().some(({ method }) => /^(image|kernel)\./.test(method));
}
