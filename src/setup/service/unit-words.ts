import type { UnitState } from "./systemd.ts";

/** What systemd calls a unit that is masked until the host starts anew. */
export const maskedAtRunTime = "masked-runtime";

const masks: Readonly<Record<string, string>> = {
  masked: " and masked",
  [maskedAtRunTime]: " and masked at run time",
};

/** A unit that is started again after each failure is never `failed`: it is between two tries. */
export function keepsFailing({ active, result, restarts }: UnitState): boolean {
  return active === "activating" && (restarts > 0 || !["", "success"].includes(result));
}

/** Says so. */
export function failsAgain({ unit, restarts }: UnitState): string {
  return `${unit} fails again and again: systemd has started it anew ${restarts} times`;
}

/** How a unit is, in systemd's words. */
export function stateText(state: UnitState): string {
  const { unit, active, enabled, result } = state;
  if (keepsFailing(state)) return failsAgain(state);
  return `${unit} is ${active}${masks[enabled] ?? ""}${active === "failed" && result !== "" ? ` (${result})` : ""}`;
}

/** What a service said of its end, behind that; nothing where that isn't known. */
export function because(words: string | undefined): string {
  return words === undefined ? "" : `; it said last: ${words}`;
}
