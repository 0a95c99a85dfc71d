import { BangerError } from "../../rpc/contract/errors.ts";
import type { Vm } from "../../rpc/contract/vm.ts";

/*
 *   (create) ──▶ created ──▶ starting ──▶ running ──▶ stopping ──▶ stopped
 *                   ▲           │  ▲         │            │           │
 *                   └───────────┘  │         │ the guest  │           │
 *                    start undone  │         ▼ ended it   ▼           │
 *                                  ├──────────────── stopped ◀────────┘
 *                                  └── failed ◀── the VMM died
 *
 * starting: `vm start`. running: its last step. stopping: `vm stop`, `vm kill`, `vm delete --force`.
 * stopped: their last step; the guest's own power-off; a start that was undone. failed: the VMM died under a running guest.
 * `vm delete` takes a VM from created, stopped and failed out of the table.
 */
export type VmState = Vm["state"];

/** From which states a mutation begins. */
const begins = {
  start: ["created", "stopped", "failed"],
  stop: ["running"],
  kill: ["running", "stopping", "starting"],
  delete: ["created", "stopped", "failed"],
} as const satisfies Record<string, readonly VmState[]>;

/** Refuses a mutation that the VM's state doesn't allow. */
export function mustAllow(mutation: keyof typeof begins, vm: Pick<Vm, "name" | "state">): void {
  const states: readonly VmState[] = begins[mutation];
  if (states.includes(vm.state)) return;
  const next = mutation === "delete" ? "; stop it first, or use --force" : "";
  throw new BangerError("wrong_state", `vm ${vm.name} is ${vm.state}, not ${states.join(" or ")}${next}`, {
    details: { state: vm.state },
  });
}
