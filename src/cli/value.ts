import type { Command } from "./command.ts";
import type { Flag } from "./flags.ts";
import type { ParamSpec, ParamValue } from "./method-spec.ts";
import type { Unit } from "./unit.ts";
import { quoted, title, usage } from "./usage.ts";

/**
 * Reads what was typed for a parameter; `shown` is what the person calls it. Whether a bare number is within its limits, the daemon
 * judges; of an amount in other units than the wire's it would name limits that nobody typed.
 */
export function readValue(
  command: Command,
  { spec, unit }: Pick<Flag, "spec" | "unit">,
  shown: string,
  text: string,
): ParamValue {
  const refuse = (accepted: string) =>
    usage(`${title(command)}: ${shown}: ${quoted(text)} is not ${accepted}`, title(command));
  if (spec.choices !== undefined && !spec.choices.includes(text)) throw refuse(`one of ${spec.choices.join(", ")}`);
  if (spec.type !== "integer") return text;
  if (unit === undefined) {
    const number = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!Number.isSafeInteger(number)) throw refuse(`a whole number${between(spec, String)}`);
    return number;
  }
  const amount = unit.read(text);
  if (!isWithin(spec, amount)) {
    const meant = amount === undefined ? unit.likely(text) : undefined;
    const hint = meant !== undefined && isWithin(spec, unit.read(meant)) ? `; did you mean ${meant}?` : "";
    throw refuse(`${unit.called}${between(spec, unit.show)}, like ${unit.example}${hint}`);
  }
  return amount;
}

function isWithin({ minimum, maximum }: ParamSpec, amount: number | undefined): amount is number {
  return amount !== undefined && amount >= (minimum ?? amount) && amount <= (maximum ?? amount);
}

/** A parameter's limits in words, `512M to 4G`; empty where there are none. */
export function limitsOf({ minimum, maximum }: ParamSpec, unit: Unit | undefined): string {
  const show = unit?.show ?? String;
  if (minimum === undefined) return maximum === undefined ? "" : `at most ${show(maximum)}`;
  return maximum === undefined ? `at least ${show(minimum)}` : `${show(minimum)} to ${show(maximum)}`;
}

function between({ minimum, maximum }: ParamSpec, show: (value: number) => string): string {
  const from = minimum === undefined ? "" : ` from ${show(minimum)}`;
  return `${from}${maximum === undefined ? "" : ` to ${show(maximum)}`}`;
}
