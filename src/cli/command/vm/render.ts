import type { ResultOf } from "../../../rpc/contract/method.ts";
import { timeText } from "../../../rpc/amount-text.ts";
import type { ChangedVm, Vm } from "../../../rpc/contract/vm.ts";
import type { vmContract } from "../../../rpc/contract/vm-methods.ts";
import { wasAskedFor } from "../../../rpc/was-asked-for.ts";
import { fields, table } from "../../output/table.ts";
import { age, shortId } from "../../output/units.ts";

/** VMs as a table. */
export function vmTable(vms: readonly Vm[], none = "no VMs; `banger vm create` makes one"): string {
  return table(
    ["NAME", "ID", "STATE", "ADDRESS", "IMAGE", "CPUS", "MEMORY", "CREATED"],
    vms.map((vm) => [
      vm.name,
      shortId(vm.id),
      stateOf(vm),
      vm.network === "none" ? "-" : vm.address,
      vm.image.name,
      now(vm, "cpus", vm.cpus),
      now(vm, "memory_mib", `${vm.memory_mib} MiB`),
      age(vm.created_at),
    ]),
    none,
  );
}

/** What a VM has now, with what it will have from its next start on. */
function now({ waits = {} }: Vm, field: string, next: string | number): string {
  const kept = waits[field];
  return kept === undefined ? String(next) : `${kept}${unitOf(field)} (then ${next})`;
}

/** What `vm show` gets. */
type Shown = ResultOf<(typeof vmContract)["vmShow"]>;

/** One VM, a field a line; what an older daemon doesn't say is left out. */
export function vmFields(vm: Shown): string {
  return fields([
    ["name", vm.name],
    ["id", vm.id],
    ["state", vm.state],
    ["health", vm.health ? healthText[vm.health] : null],
    ["ended", vm.exit ? exitText(vm.exit) : null],
    ["stopped for", stoppedFor(vm)],
    ["error", vm.error === null ? null : `${vm.error.message} (${vm.error.op_id})`],
    ["warnings", vm.warnings?.map(({ message }) => message).join("; ") ?? null],
    ["network", vm.network ?? null],
    ["address", vm.network === "none" ? null : vm.address],
    ["mac", vm.network === "none" ? null : vm.mac],
    ["image", `${vm.image.name} (${shortId(vm.image.id)})`],
    ["kernel", `${vm.kernel.name} (${shortId(vm.kernel.id)})`],
    ["cpus", vm.cpus],
    ["memory", `${vm.memory_mib} MiB`],
    ["disk", diskText(vm)],
    ["disk kind", kindText(vm)],
    ["volumes", volumesText(vm)],
    ["vmm", vmmText(vm)],
    ["accel", accelText(vm)],
    ["pid", vm.pid],
    ["until restart", waitingText(vm) ?? null],
    ["labels", labelText(vm.labels)],
    ["ttl", vm.ttl_s ? `stopped ${timeText.show(vm.ttl_s)} after its start` : null],
    ["idle", vm.idle_s ? `stopped when nobody has used it for ${timeText.show(vm.idle_s)}` : null],
    ["autostart", vm.autostart === true ? "started with the daemon, once after each boot of the host" : null],
    ["on reboot", vm.on_reboot === "stop" ? "left stopped, when its guest reboots" : null],
    ["at its end", vm.remove_at_end === true ? "deleted, when the command ends that it was made for" : null],
    ["starts", vm.generation],
    ["created", vm.created_at],
    ["started", vm.started_at],
    ["last used", vm.last_used_at],
  ]);
}

/** What a VM keeps until its next start, of what was changed while it ran. */
export function waitingText({ waits = {} }: Pick<Vm, "waits">): string | undefined {
  const kept = Object.entries(waits).map(([field, value]) => `${field.replace("_mib", "")} ${value}${unitOf(field)}`);
  return kept.length === 0 ? undefined : kept.join(", ");
}

function unitOf(field: string): string {
  return field.endsWith("_mib") ? " MiB" : "";
}

/** What a person is told of a VM that was to end: that it did not run, or that it was taken away when it did not go. */
export function stopText({ name, state, exit, unchanged, stopped_by }: ChangedVm): string {
  if (unchanged === true) return `${name} does not run: it is ${state} already`;
  if (stopped_by === "power_button") return `${name} is stopped${stageText({ stopped_by })}`;
  return exit?.how === "killed" ? `${name} is stopped: it was killed` : `${name} is stopped`;
}

/** Which stage of a stop it took, when that is worth a word. */
export function stageText({ stopped_by: by }: { readonly stopped_by?: ChangedVm["stopped_by"] }): string {
  if (by === "kill") return "; its guest was killed";
  return by === "power_button" ? "; its guest went when its power button was pressed" : "";
}

const healthText: Readonly<Record<NonNullable<Vm["health"]>, string>> = {
  ok: "ok",
  agent_silent: "its agent does not answer; it is asked again",
  no_space: "stands still: the host's disk is full; it goes on when there is room",
  disk_failed: "stands still: its disk can't be written (a quota, or a broken disk); it is tried again",
  paused: "paused; `banger vm resume` lets it go on",
  unreachable: "its VMM can't be reached; it is asked again",
  tap_gone: "its tap was removed: its guest has no network until `banger vm restart`",
};

/** Why banger stopped it by itself; what was over may have been changed since. */
function stoppedFor({ stopped_for: why, ttl_s: ttl, idle_s: idle }: Vm): string | null {
  if (!why) return null;
  const limit = why === "ttl" ? ttl : idle;
  const length = limit ? ` of ${timeText.show(limit)}` : "";
  return why === "ttl" ? `its ttl${length} was over` : `nobody had used it for its idle time${length}`;
}

function stateOf({ state, health, stopped_for: why }: Vm): string {
  if (state === "stopped" && why) return `${state} (${why})`;
  return !health || health === "ok" ? state : `${state} (${health.replace("_", " ")})`;
}

function exitText({ how, status, signal, at, asked_by: by }: NonNullable<Vm["exit"]>): string {
  const seen = signal !== null ? `, by signal ${signal}` : status !== null ? `, status ${status}` : "";
  const why = by === "unit" ? "; systemd stopped its unit, as when the host shuts down" : "";
  return `${exitWords[how]}${seen}, ${at}${why}`;
}

const exitWords: Readonly<Record<NonNullable<Vm["exit"]>["how"], string>> = {
  shutdown: "the guest shut down",
  reset: "the guest rebooted",
  panic: "the guest's kernel panicked",
  killed: "banger killed it",
  exited: "the VMM ended by itself",
  unknown: "nobody saw how",
};

/** What became of the work disk of a VM that was deleted, and how to go on with one that was kept. */
export function workDiskText(disk: { readonly name: string; readonly kept: boolean } | undefined): string {
  if (disk === undefined) return "";
  if (!disk.kept) return ", with its work disk";
  return `; its work disk is kept as volume ${disk.name}: \`banger vm create --volume ${disk.name}:/home\` makes a VM with it`;
}

function volumesText({ volumes = [] }: Pick<Vm, "volumes">): string {
  return volumes
    .map(
      ({ name, path, size_mib: size, work_disk: own }) =>
        `${name} at ${path} (${size} MiB${own ? ", its work disk" : ""})`,
    )
    .join(", ");
}

/** Labels in a line. */
export function labelText(labels: Vm["labels"] = {}): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(", ");
}

function diskText({ disk_mib: size, disk_used_mib: used, disk_shared_mib: shared, disk_gone: isGone }: Shown): string {
  if (isGone === true) return `${size} MiB; its file is gone: \`banger doctor\` says more`;
  if (used === null || used === undefined) return `${size} MiB`;
  const beside = shared ? `, and ${shared} are its image's` : "";
  return `${size} MiB, of which ${used} are taken on the host${beside}`;
}

function kindText({ disk_kind: kind, disk_why: why }: Shown): string | null {
  if (kind === undefined) return null;
  return !why ? kind : `${kind} (${why})`;
}

function vmmText({ vmm, vmm_why: why, vmm_wanted: wanted = vmm }: Vm): string {
  return chosenText(vmm, why, wanted);
}

function accelText({ accel, accel_why: why, accel_wanted: wanted = accel ?? "auto" }: Vm): string | null {
  if (accel === null) return wanted === "auto" ? null : fromNextStart(wanted);
  return chosenText(accel, why, wanted);
}

function fromNextStart(what: string): string {
  return `${what} from its next start on`;
}

/** What a VM has, why, and whether that was banger's choice; what was asked for since it was chosen so is for its next start. */
function chosenText(has: string, why: string | null | undefined, wanted: string): string {
  if (!why) return wanted === "auto" ? `${has} (auto)` : `${has}${laterText(has, why, wanted)}`;
  const whose = why === wasAskedFor ? "" : "auto: ";
  return `${has} (${whose}${why})${laterText(has, why, wanted)}`;
}

/** What was asked for while a VM runs as it was chosen before. */
export function laterText(has: string, why: string | null | undefined, wanted: string): string {
  if (wanted !== "auto" && wanted !== has) return `; ${fromNextStart(wanted)}`;
  const isAsChosen = !why || (wanted === "auto") === (why !== wasAskedFor);
  if (isAsChosen) return "";
  return `; ${fromNextStart(wanted === "auto" ? wanted : "asked for")}`;
}
