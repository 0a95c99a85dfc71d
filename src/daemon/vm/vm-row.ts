import type { Vm } from "../../rpc/contract/vm.ts";
import { activeStates, type VmState } from "./state.ts";
import type { StoredVm } from "./vm-records.ts";

/** The columns of a row; what is an object is JSON there, and a truth a number. */
export function columnsOf(row: object): [string, string | number | null][] {
  return Object.entries(row).map(([name, value]) => [
    name,
    typeof value === "object" && value !== null
      ? JSON.stringify(value)
      : typeof value === "boolean"
        ? Number(value)
        : (value as string | number | null),
  ]);
}

/** A VM as its row has it, with what was joined to it. */
export function vmOf(row: Record<string, unknown>): StoredVm {
  const {
    image_id,
    image_name,
    kernel_id,
    kernel_name,
    error,
    exit,
    labels,
    waits,
    volumes,
    remove_at_end,
    autostart,
    ...rest
  } = row;
  return {
    ...(rest as Omit<
      StoredVm,
      "image" | "kernel" | "error" | "exit" | "health" | "labels" | "waits" | "volumes" | "remove_at_end" | "autostart"
    >),
    // Known only of a VM that runs, and not by its record.
    health: null,
    image: { id: image_id as string, name: image_name as string },
    kernel: { id: kernel_id as string, name: kernel_name as string },
    labels: JSON.parse(String(labels)) as StoredVm["labels"],
    // Nothing waits in a VM that doesn't run.
    waits: activeStates.has(row["state"] as VmState) ? (JSON.parse(String(waits)) as StoredVm["waits"]) : {},
    volumes: JSON.parse(String(volumes)) as StoredVm["volumes"],
    remove_at_end: remove_at_end === 1,
    autostart: autostart === 1,
    error: typeof error === "string" ? (JSON.parse(error) as Vm["error"]) : null,
    exit: typeof exit === "string" ? (JSON.parse(exit) as StoredVm["exit"]) : null,
  };
}
