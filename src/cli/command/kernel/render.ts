import type { Kernel } from "../../../rpc/contract/kernel.ts";
import { fields, table } from "../../output/table.ts";
import { age, shortId, size } from "../../output/units.ts";

/** Kernels as a table. */
export function kernelTable(kernels: readonly Kernel[]): string {
  return table(
    ["NAME", "ID", "RELEASE", "SIZE", "CREATED", "DEFAULT"],
    kernels.map((kernel) => [
      kernel.name,
      shortId(kernel.id),
      kernel.release,
      kernel.missing === true ? "missing" : size(kernel.size),
      age(kernel.created_at),
      kernel.default === true ? "yes" : "",
    ]),
    "no kernels; `banger kernel import linux-image-cloud-amd64` makes one",
  );
}

/** One kernel, a field a line. */
export function kernelFields(kernel: Kernel & { used_by: readonly string[] }): string {
  return fields([
    ["name", kernel.name],
    ["id", kernel.id],
    ["release", kernel.release],
    ["size", size(kernel.size)],
    ["state", kernel.missing === true ? "missing: its files are gone or cut off; `banger doctor` says more" : null],
    ["least memory", typeof kernel.least_memory_mib === "number" ? `${kernel.least_memory_mib} MiB` : "unknown"],
    ["created", kernel.created_at],
    ["default", kernel.default === true ? "yes" : "no"],
    ["used by", kernel.used_by.join(", ")],
  ]);
}
