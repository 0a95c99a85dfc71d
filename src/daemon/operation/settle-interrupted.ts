import type { Vm } from "../../rpc/contract/vm.ts";
import type { Logger } from "../../telemetry/log.ts";
import type { Store } from "../store/store.ts";
import { methodOf } from "./identity.ts";
import type { Found, OperationRecords, StoredOperation } from "./operation-records.ts";

/** What telling it needs. */
export interface SettleDeps {
  readonly records: Pick<OperationRecords, "unsettled" | "settle">;
  readonly vms: { readonly get: (id: string) => Pick<Vm, "state" | "health"> | undefined };
  readonly database: Pick<Store, "prepare">;
  readonly log: Logger;
}

/** What is found of a VM's operation by how its VM is: undefined where that doesn't tell yet, `unknown` where it never will. */
type OfVm = (state: Vm["state"] | undefined, health: Vm["health"]) => Found | "unknown" | undefined;

const ends: OfVm = (state) => {
  if (state === "running") return "undone";
  return state === "stopping" ? "goes_on" : "finished";
};
const begins: OfVm = (state) => (state === "running" ? "finished" : state === "starting" ? undefined : "undone");

/** Of a VM that runs, and stands still or doesn't; one that has ended since tells nothing. */
const stands =
  (paused: Found, goes: Found): OfVm =>
  (_, health) => {
    if (health === "paused") return paused;
    return health === "ok" || health === "agent_silent" ? goes : "unknown";
  };

/** By their methods, what a record says of an operation that was cut off. */
const ofVm: Readonly<Record<string, OfVm>> = {
  "vm.create": (state) => (state === undefined ? "undone" : "finished"),
  "vm.start": begins,
  "vm.restart": begins,
  "vm.run": begins,
  "vm.stop": ends,
  "vm.kill": ends,
  "vm.pause": stands("finished", "undone"),
  "vm.resume": stands("undone", "finished"),
  "vm.delete": (state) => (state === undefined ? "finished" : "undone"),
};
const tableOf: Readonly<Record<string, "images" | "kernels">> = {
  "image.build": "images",
  "image.import": "images",
  "kernel.import": "kernels",
};

/** What the store alone tells of, once halves are removed. */
const toldByStore: ReadonlySet<string> = new Set(["vm.create", ...Object.keys(tableOf)]);

/**
 * Says of each operation that a daemon's end cut off whether it was found undone or finished. `compared`: VMs were compared with
 * what the host holds; before that only the store is asked. What can't be told yet is looked at again the next time.
 */
export function settleInterrupted(deps: SettleDeps, compared: boolean): void {
  for (const operation of deps.records.unsettled()) {
    if (!compared && !toldByStore.has(methodOf(operation))) continue;
    const found = foundOf(deps, operation);
    if (found === undefined) continue;
    deps.records.settle(operation.opId, found);
    const method = methodOf(operation);
    deps.log.info({ op_id: operation.opId, operation: method, found }, "an interrupted operation was found");
  }
}

function foundOf({ vms, database }: SettleDeps, operation: StoredOperation): Found | "unknown" | undefined {
  const method = methodOf(operation);
  const table = tableOf[method];
  if (table !== undefined) return madeSince(database, table, operation) ? "finished" : "undone";
  // What had not said which VM it is about had not begun a step.
  if (operation.subject === null) return method in ofVm ? "undone" : undefined;
  const vm = vms.get(operation.subject);
  return ofVm[method]?.(vm?.state, vm?.health);
}

/** True when something was stored after the operation began, that no other operation answered with. */
function madeSince(
  database: SettleDeps["database"],
  table: "images" | "kernels",
  { startedNs }: StoredOperation,
): boolean {
  const since = new Date(Number(startedNs / 1_000_000n)).toISOString();
  const statement = database.prepare(
    `SELECT 1 FROM ${table} WHERE created_at >= ? AND NOT EXISTS (
       SELECT 1 FROM operations WHERE outcome = 'ok' AND result IS NOT NULL AND json_extract(result, '$.result.id') = ${table}.id)`,
  );
  return statement.get(since) !== undefined;
}
