import type { ResultOf } from "./contract/method.ts";
import type { vmmContract } from "./contract/vmm.ts";

type Listed = Pick<ResultOf<(typeof vmmContract)["vmmList"]>, "auto" | "default">;

/** In a line, what a VM gets for which no VMM is named. */
export function defaultVmmText({ auto, default: own }: Listed): string {
  if (own === undefined || (own.kind !== null && own.source === null)) return `auto takes ${auto.kind}: ${auto.why}`;
  if (own.kind !== null) return `a VM for which none is named gets ${own.kind}: ${own.source} asks for it`;
  return `a VM for which none is named can't be made: ${own.source === null ? "" : `${own.source}: `}${own.why}`;
}
