import { BangerError } from "../../rpc/contract/errors.ts";
import type { Vm } from "../../rpc/contract/vm.ts";

/*
 *   creating ──▶ created ──▶ starting ──▶ running ──▶ stopping ──▶ stopped
 *                   ▲          │ │ ▲         │           ▲ │          │
 *                   └──────────┘ │ │         └───────────┤ └───▶ failed
 *                   start undone │ │    its VMM is dead  │          │
 *                                └─┼─────────────────────┘          │
 *                   not all undone │            `vm start`          │
 *                                  └────────────────────────────────┘
 *
 * creating: name and address are reserved, its files are being made. starting: `vm start`. running: its last step.
 * stopping: `vm stop`, `vm kill`, `vm delete --force`, a VMM that died by itself, a start whose undoing isn't complete: what it
 * holds is being released, or its guest was asked to go by a stop that nobody waits for any more.
 * stopped: all is released; the guest went in order, or was taken away. failed: so too, but the VMM died under a running guest.
 * `vm delete` takes a VM from created, stopped and failed out of the table.
 */
export type VmState = Vm["state"];

/** From which states a mutation begins. */
const begins = {
  start: ["created", "stopped", "failed"],
  stop: ["running", "stopping"],
  kill: ["running", "stopping", "starting"],
  delete: ["created", "stopped", "failed"],
} as const satisfies Record<string, readonly VmState[]>;

/** What needs a VM in a certain state. */
export type Mutation = keyof typeof begins;

/** In which states a VM is already as the mutation would make it: it succeeds, and does nothing. */
const alreadySo: Readonly<Partial<Record<Mutation, readonly VmState[]>>> = {
  start: ["running"],
  stop: ["created", "stopped", "failed"],
  kill: ["created", "stopped", "failed"],
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
  delete: {
    running: "Stop it first, or use --force.",
    stopping: "Wait until it has stopped, or use --force.",
    starting: "Wait until it runs and stop it, or use --force.",
  },
};

/** The states of a VM that may hold something on the host. */
export const activeStates: ReadonlySet<VmState> = new Set(["starting", "running", "stopping"]);

/** True for a VM that is as the mutation would make it. */
export function isAlready(mutation: Mutation, { state }: Pick<Vm, "state">): boolean {
  return alreadySo[mutation]?.includes(state) === true;
}

/** Refuses a mutation that the VM's state doesn't allow. */
export function mustAllow(mutation: Mutation, vm: Pick<Vm, "name" | "state">): void {
  const states: readonly VmState[] = begins[mutation];
  if (states.includes(vm.state)) return;
  const hint = nextSteps[mutation][vm.state];
  throw new BangerError("wrong_state", `vm ${vm.name} is ${vm.state}, not ${states.join(" or ")}`, {
    details: { state: vm.state, ...(hint === undefined ? {} : { hint }) },
  });
}
