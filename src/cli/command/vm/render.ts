import type { ResultOf } from "../../../rpc/contract/method.ts";
import type { ChangedVm, Vm, vmContract } from "../../../rpc/contract/vm.ts";
import { fields, table } from "../../output/table.ts";
import { age, shortId } from "../../output/units.ts";

/** VMs as a table. */
export function vmTable(vms: readonly Vm[]): string {
  return table(
    ["NAME", "ID", "STATE", "ADDRESS", "IMAGE", "CPUS", "MEMORY", "CREATED"],
    vms.map((vm) => [
      vm.name,
      shortId(vm.id),
      stateOf(vm),
      vm.network === "none" ? "-" : vm.address,
      vm.image.name,
      String(vm.cpus),
      `${vm.memory_mib} MiB`,
      age(vm.created_at),
    ]),
    "no VMs; `banger vm create` makes one",
  );
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
    ["error", vm.error === null ? null : `${vm.error.message} (${vm.error.op_id})`],
    ["network", vm.network ?? null],
    ["address", vm.network === "none" ? null : vm.address],
    ["mac", vm.network === "none" ? null : vm.mac],
    ["image", `${vm.image.name} (${shortId(vm.image.id)})`],
    ["kernel", `${vm.kernel.name} (${shortId(vm.kernel.id)})`],
    ["cpus", vm.cpus],
    ["memory", `${vm.memory_mib} MiB`],
    ["disk", diskText(vm)],
    ["disk kind", kindText(vm)],
    ["vmm", vmmText(vm)],
    ["pid", vm.pid],
    ["labels", labelText(vm.labels)],
    ["at its end", vm.remove_at_end === true ? "deleted, when the command ends that it was made for" : null],
    ["starts", vm.generation],
    ["created", vm.created_at],
    ["started", vm.started_at],
    ["last used", vm.last_used_at],
  ]);
}

/** What a person is told of a VM that was to end: that it did not run, or that it was taken away when it did not go. */
export function stopText({ name, state, exit, unchanged, stopped_by }: ChangedVm): string {
  if (unchanged === true) return `${name} does not run: it is ${state} already`;
  if (stopped_by === "power_button") return `${name} is stopped${stageText({ stopped_by })}`;
  return exit?.how === "killed" ? `${name} is stopped: it was killed` : `${name} is stopped`;
}

/** Which stage of a stop it took, when that is worth a word. */
export function stageText({ stopped_by: by }: Pick<ChangedVm, "stopped_by">): string {
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
};

function stateOf({ state, health }: Vm): string {
  return !health || health === "ok" ? state : `${state} (${health.replace("_", " ")})`;
}

function exitText({ how, status, signal, at }: NonNullable<Vm["exit"]>): string {
  const seen = signal !== null ? `, by signal ${signal}` : status !== null ? `, status ${status}` : "";
  return `${exitWords[how]}${seen}, ${at}`;
}

const exitWords: Readonly<Record<NonNullable<Vm["exit"]>["how"], string>> = {
  shutdown: "the guest shut down",
  reset: "the guest rebooted",
  panic: "the guest's kernel panicked",
  killed: "banger killed it",
  exited: "the VMM ended by itself",
  unknown: "nobody saw how",
};

function labelText(labels: Vm["labels"] = {}): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(", ");
}

function diskText({ disk_mib: size, disk_used_mib: used, disk_shared_mib: shared }: Shown): string {
  if (used === null || used === undefined) return `${size} MiB`;
  const beside = shared ? `, and ${shared} are its image's` : "";
  return `${size} MiB, of which ${used} are taken on the host${beside}`;
}

function kindText({ disk_kind: kind, disk_why: why }: Shown): string | null {
  if (kind === undefined) return null;
  return !why ? kind : `${kind} (${why})`;
}

function vmmText({ vmm, accel, accel_why: why }: Vm): string {
  if (accel === null) return vmm;
  return !why ? `${vmm} (${accel})` : `${vmm} (${accel}: ${why})`;
}
