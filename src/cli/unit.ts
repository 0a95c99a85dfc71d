import { type AmountText, sizeText, timeText } from "../rpc/amount-text.ts";
import type { ParamSpec } from "./method-spec.ts";

/** How a person writes an amount that the wire has as a bare number. A parameter's name ends with its unit. */
export interface Unit extends AmountText {
  /** Of the parameter's name. */
  readonly suffix: string;
  readonly placeholder: string;
}

const units: readonly Unit[] = [
  { ...sizeText, suffix: "-mib", placeholder: "SIZE" },
  { ...timeText, suffix: "-s", placeholder: "TIME" },
];

/** The unit that a parameter's name ends with. */
export function unitOf({ name, type }: Pick<ParamSpec, "name" | "type">): Unit | undefined {
  if (type !== "integer") return undefined;
  return units.find(({ suffix }) => name.endsWith(suffix.replace("-", "_")));
}
