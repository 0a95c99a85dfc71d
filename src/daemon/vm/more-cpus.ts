import { availableParallelism } from "node:os";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { Vm } from "../../rpc/contract/vm.ts";
import type { Warning } from "../../rpc/contract/warning.ts";

/** That a VM has more CPUs than its host: each is a thread that waits for the others. */
export function moreCpus(
  { name, cpus }: Pick<Vm, "name" | "cpus">,
  hostHas: number = availableParallelism(),
): Warning[] {
  if (cpus <= hostHas) return [];
  return [
    {
      code: "more_cpus",
      message: `vm ${name} has ${cpus} CPUs, and this host ${hostHas}: its guest is slow, and may not come up`,
      hint: `Make one with no more than the host has: \`banger create --cpus ${hostHas}\`.`,
    },
  ];
}

/** A boot that took too long, with what may be why. */
export function lateBoot(error: unknown, vm: Pick<Vm, "name" | "cpus">, hostHas?: number): unknown {
  const [found] = moreCpus(vm, hostHas);
  if (found === undefined || !(error instanceof BangerError) || error.code !== "deadline_exceeded") return error;
  const details = { ...error.details, hint: found.hint };
  return new BangerError(error.code, `${error.plain}; ${found.message}`, { cause: error, details });
}
