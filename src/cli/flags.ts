import { type Command, specOf, type Switch } from "./command.ts";
import type { ParamSpec } from "./method-spec.ts";
import { type Unit, unitOf } from "./unit.ts";

/** A flag of a command: one parameter of its method, by one of its names. */
export interface Flag {
  readonly spec: ParamSpec;
  /** Without the dashes. */
  readonly name: string;
  /** What its value is written in; undefined for anything but a size or a time. */
  readonly unit: Unit | undefined;
}

/** What each command takes whose method may outlive its caller. */
export const detach: Switch = {
  name: "detach",
  summary: "print the op_id and leave at once; `banger operation wait` comes back to it",
};

/** The flags of a command that no parameters are. */
export function switchesOf(command: Command): readonly Switch[] {
  const { switches = [] } = command;
  return specOf(command).begins ? [...switches, detach] : switches;
}

/** The parameters of a command that flags may set, and its own flags. */
export function flagsOf(command: Command): readonly ParamSpec[] {
  const without = new Set([...command.positionals, ...(command.sets ?? []), command.rest?.name]);
  const own = switchesOf(command).map((flag) => ({ ...flag, type: "boolean", many: false, required: false }) as const);
  return [...specOf(command).params.filter((param) => !without.has(param.name)), ...own];
}

/** The flags that set a parameter, the usual one first: a size or a time has one that takes units, and one of the wire's bare numbers. */
export function flagsFor(spec: ParamSpec): readonly [Flag, ...Flag[]] {
  const wireName = spec.name.replaceAll("_", "-");
  const unit = unitOf(spec);
  const exact = { spec, name: wireName, unit: undefined };
  return unit === undefined ? [exact] : [{ spec, name: wireName.slice(0, -unit.suffix.length), unit }, exact];
}
