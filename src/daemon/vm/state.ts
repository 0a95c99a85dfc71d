import { BangerError } from "../../rpc/contract/errors.ts";
import type { Vm } from "../../rpc/contract/vm.ts";

/*
 *                start undone      a guest's reboot
 *                   ┌──────────┐    ┌─────────┐
 *                   ▼          │    ▼         │
 *   creating ──▶ created ──▶ starting ──▶ running ──▶ stopping ──▶ stopped
 *                                │ ▲         │           ▲ │          │
 *                                │ │         └───────────┤ └───▶ failed
 *                                │ │    its VMM is dead  │          │
 *                                └─┼─────────────────────┘          │
 *                   not all undone │     `vm start`, `vm restart`   │
 *                                  └────────────────────────────────┘
 *
 * creating: name and address are reserved, its files are being made. starting: `vm start`. running: its last step.
 * stopping: `vm stop`, `vm kill`, `vm delete --force`, a VMM that died by itself, a start whose undoing isn't complete: what it
 * holds is being released, or its guest was asked to go by a stop that nobody waits for any more.
 * A VM that is paused, or stands still for want of space, is running: its `health` says so.
 * stopped: all is released; the guest went in order, or was taken away. failed: so too, but the VMM died under a running guest, or its kernel panicked.
 * `vm delete` takes a VM from created, stopped and failed out of the table.
 */
export type VmState = Vm["state"];

/** From which states a mutation begins. */
const begins = {
  start: ["created", "stopped", "failed"],
  stop: ["running", "stopping"],
  kill: ["running", "stopping", "starting"],
  restart: ["created", "stopped", "failed", "running", "stopping"],
  pause: ["running"],
  resume: ["running"],
  delete: ["created", "stopped", "failed"],
  set: ["created", "stopped", "failed", "running"],
} as const satisfies Record<string, readonly VmState[]>;

/** What needs a VM in a certain state. */
export type Mutation = keyof typeof begins;

/** As which VM it is already as the mutation would make it: it succeeds, and does nothing. `health`: one of these, where that matters. */
interface AlreadySo {
  readonly states: readonly VmState[];
  readonly health?: readonly Vm["health"][];
}

const alreadySo: Readonly<Partial<Record<Mutation, AlreadySo>>> = {
  start: { states: ["running"] },
  stop: { states: ["created", "stopped", "failed"] },
  kill: { states: ["created", "stopped", "failed"] },
  pause: { states: ["running"], health: ["paused"] },
  resume: { states: ["running"], health: ["ok", "agent_silent"] },
};

/** The next step for whoever asked in the wrong state. */
const nextSteps: Readonly<Record<Mutation, Partial<Record<VmState, string>>>> = {
  start: {
    stopping:
      "Its guest was asked to shut down: start it when `vm show` says that it has stopped; `vm kill` ends it now.",
    starting: "Another start is under way; `vm show` says what became of it, `vm kill` ends it.",
  },
  stop: { starting: "`vm kill` ends it now." },
  kill: {},
  restart: { starting: "`vm kill` ends it now." },
  pause: { starting: "Wait until it runs." },
  resume: {},
  set: {
    starting: "Wait until it runs.",
    stopping: "Wait until it has stopped.",
  },
  delete: {
    running: "Stop it first, or use --force.",
    stopping: "Wait until it has stopped, or use --force.",
    starting: "Wait until it runs and stop it, or use --force.",
  },
};

/** The states of a VM that may hold something on the host. */
export const activeStates: ReadonlySet<VmState> = new Set(["starting", "running", "stopping"]);

/** A VM's record, as far as its state is judged by it. */
type Judged = Pick<Vm, "name" | "state" | "exit"> & { readonly stop_by: string | null };

const notReleased =
  "What it holds on the host could not all be released. Where the helper is away, that goes on by itself when the helper is back, and the VM has stopped then; `banger doctor` tells how the helper is. `vm kill` tries it now.";

/** True for a VM that was ended, and of which something is left on the host; unless somebody is still at it. */
export function isNotReleased({ state, exit, stop_by: stopBy }: Omit<Judged, "name">): boolean {
  return state === "stopping" && (exit !== null || (stopBy !== null && Date.parse(stopBy) <= Date.now()));
}

/** True for a VM that is as the mutation would make it. */
export function isAlready(mutation: Mutation, { state, health }: Pick<Vm, "state" | "health">): boolean {
  const so = alreadySo[mutation];
  return so?.states.includes(state) === true && (so.health === undefined || so.health.includes(health));
}

/** Refuses a mutation that the VM's state doesn't allow. The caller holds the VM's lock. */
export function mustAllow(mutation: Mutation, vm: Judged): void {
  const states: readonly VmState[] = begins[mutation];
  if (states.includes(vm.state)) return;
  const hint = isNotReleased(vm) ? notReleased : nextSteps[mutation][vm.state];
  throw new BangerError("wrong_state", `vm ${vm.name} is ${vm.state}, not ${states.join(" or ")}`, {
    details: { state: vm.state, ...(hint === undefined ? {} : { hint }) },
  });
}
