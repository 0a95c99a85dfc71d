import { existsSync, readFileSync } from "node:fs";
import type { HelperDeps } from "../deps.ts";

/** What a VMM said on its own, the end of it. */
export function lastWords({ layout }: Pick<HelperDeps, "layout">, vmId: string): string {
  const path = layout.vmmLog(vmId);
  return existsSync(path) ? readFileSync(path, "utf8").trim().slice(-1_000) : "";
}
