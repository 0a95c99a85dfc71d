import { existsSync, readFileSync } from "node:fs";
import { printableLine } from "../../rpc/printable.ts";
import type { HelperDeps } from "../deps.ts";

/** What a VMM said on its own, the end of it, in one line that a terminal may show. */
export function lastWords({ layout }: Pick<HelperDeps, "layout">, vmId: string): string {
  const path = layout.vmmLog(vmId);
  return existsSync(path) ? printableLine(readFileSync(path, "utf8")).slice(-1_000) : "";
}
