import { parseArgs, type ParseArgsConfig } from "node:util";
import type { Command } from "./command.ts";
import { type Flag, flagsFor, flagsOf } from "./flags.ts";
import type { ParamValue } from "./method-spec.ts";
import { nearest } from "./nearest.ts";
import { plain, quoted, title, usage } from "./usage.ts";
import { readValue } from "./value.ts";

/** Flags that every command takes. */
export const globalFlags = {
  json: { type: "boolean" },
  quiet: { type: "boolean", short: "q" },
  config: { type: "string" },
  help: { type: "boolean", short: "h" },
} as const satisfies ParseArgsConfig["options"];

type GlobalFlag = keyof typeof globalFlags;

/** A command's arguments, read. */
export interface ReadFlags {
  readonly params: Record<string, ParamValue>;
  readonly globals: Partial<Record<GlobalFlag, string | boolean>>;
  readonly positionals: readonly string[];
  /** What belongs to the command that is run in the guest. */
  readonly rest: readonly string[];
}

type Token = NonNullable<ReturnType<typeof parseArgs>["tokens"]>[number];
type OptionToken = Extract<Token, { kind: "option" }>;

/** Reads the arguments of a command by the table of its flags. */
export function readFlags(command: Command, argv: readonly string[]): ReadFlags {
  const flags = new Map(
    flagsOf(command)
      .flatMap(flagsFor)
      .map((flag) => [flag.name, flag]),
  );
  const { own, positionals, rest } = splitArguments(command, argv);
  const read = { params: {}, globals: {}, positionals, rest };
  // Whoever asks for help is shown it, whatever else is wrong.
  if (own.some(({ name }) => name === "help")) return { ...read, globals: { help: true } };
  const seen = new Set<string>();
  for (const token of own) take(command, token, flags, seen, read);
  return read;
}

function tokensOf(command: Command, argv: readonly string[]): readonly Token[] {
  const options: NonNullable<ParseArgsConfig["options"]> = { ...globalFlags };
  for (const { name, spec } of flagsOf(command).flatMap(flagsFor)) {
    const short = command.short?.[spec.name];
    options[name] = { type: isSwitch(spec) ? "boolean" : "string", ...(short === undefined ? {} : { short }) };
  }
  return parseArgs({ args: [...argv], options, strict: false, allowPositionals: true, tokens: true }).tokens;
}

/** A command's arguments, sorted. */
export interface Arguments {
  readonly own: readonly OptionToken[];
  readonly positionals: readonly string[];
  readonly rest: readonly string[];
  /** True behind `--`. */
  readonly ended: boolean;
}

/** Cuts the command line behind the last position of our own: what follows belongs to the command that is run. */
export function splitArguments(command: Command, argv: readonly string[]): Arguments {
  const own: OptionToken[] = [];
  const positionals: string[] = [];
  const places = command.rest === undefined ? Number.POSITIVE_INFINITY : command.positionals.length;
  let ended = false;
  for (const token of tokensOf(command, argv)) {
    if (token.kind === "option") own.push(token);
    else if (token.kind === "option-terminator") {
      ended = true;
      if (command.rest === undefined) continue;
      const missing = places - positionals.length;
      const after = argv.slice(token.index + 1);
      return { own, positionals: [...positionals, ...after.slice(0, missing)], rest: after.slice(missing), ended };
    } else if (token.kind === "positional") {
      if (positionals.length === places) return { own, positionals, rest: argv.slice(token.index), ended };
      positionals.push(token.value);
    }
  }
  return { own, positionals, rest: [], ended };
}

/** Takes one flag of the command line. */
function take(
  command: Command,
  token: OptionToken,
  flags: ReadonlyMap<string, Flag>,
  seen: Set<string>,
  { params, globals }: ReadFlags,
): void {
  const refuse = (why: string) => usage(`${title(command)}: ${why}`, title(command));
  const negated = token.name.startsWith("no-") ? token.name.slice(3) : "";
  const name = isSwitchName(negated, flags) ? negated : token.name;
  const flag = flags.get(name);
  const global = isGlobal(name) ? name : undefined;
  if (flag === undefined && global === undefined) {
    const known = [...flags.keys(), ...Object.keys(globalFlags)];
    const near = token.rawName.startsWith("--") ? nearest(token.name, known, (candidate) => `--${candidate}`) : "";
    throw refuse(`there is no flag ${plain(token.rawName)}${near}`);
  }
  if (isSwitchName(name, flags)) {
    if (token.value !== undefined) throw refuse(`${token.rawName} takes no value`);
    if (global === undefined) params[flag?.spec.name ?? name] = name === token.name;
    else globals[global] = name === token.name;
    return;
  }
  const text = valueOf(token, flag);
  if (text === undefined) {
    throw refuse(`${token.rawName} needs a value; one that begins with - is given as --${name}=VALUE`);
  }
  if (text === "") throw refuse(`${token.rawName}: is empty`);
  const key = flag?.spec.name ?? name;
  if (flag?.spec.many === true) {
    params[key] = [...((params[key] as string[] | undefined) ?? []), text];
    return;
  }
  if (seen.has(key)) throw refuse(`${token.rawName} is given twice; the second time with ${quoted(text)}`);
  seen.add(key);
  if (flag === undefined) globals[global ?? "config"] = text;
  else params[key] = readValue(command, flag, token.rawName, text);
}

/** A flag's value; the next flag is none, but a number below zero is one: whoever judges it says what is accepted. */
function valueOf({ value, inlineValue }: OptionToken, flag: Flag | undefined): string | undefined {
  if (value === undefined || inlineValue === true || !/^-./.test(value)) return value;
  return flag?.spec.type === "integer" && /^-\d/.test(value) ? value : undefined;
}

function isSwitch({ type, many }: Flag["spec"]): boolean {
  return type === "boolean" && !many;
}

function isSwitchName(name: string, flags: ReadonlyMap<string, Flag>): boolean {
  const flag = flags.get(name);
  return flag === undefined ? isGlobal(name) && globalFlags[name].type === "boolean" : isSwitch(flag.spec);
}

function isGlobal(name: string): name is GlobalFlag {
  return Object.hasOwn(globalFlags, name);
}
