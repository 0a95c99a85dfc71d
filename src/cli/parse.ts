import { parseArgs, type ParseArgsConfig } from "node:util";
import { BangerError } from "../rpc/contract/errors.ts";
import type { Command } from "./command.ts";
import { commands } from "./commands.ts";
import { methods } from "./generated/methods.ts";
import type { ParamSpec, ParamValue } from "./method-spec.ts";

/** Flags that every command takes. */
export interface GlobalFlags {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly config: string | undefined;
}

/** What a command line asks for. */
export type Invocation =
  | { readonly kind: "help"; readonly noun?: string; readonly command?: Command }
  | { readonly kind: "version" }
  | { readonly kind: "completion"; readonly shell: string | undefined }
  | {
      readonly kind: "command";
      readonly command: Command;
      readonly params: Record<string, ParamValue>;
      readonly rest: readonly string[];
      readonly flags: GlobalFlags;
    };

const globals = {
  json: { type: "boolean" },
  quiet: { type: "boolean", short: "q" },
  config: { type: "string" },
  help: { type: "boolean", short: "h" },
} as const satisfies ParseArgsConfig["options"];

type Options = NonNullable<ParseArgsConfig["options"]>;

/** Reads a command line, the program's name not included. Flags that every command takes may stand before noun and verb too. */
export function parseCommandLine(argv: readonly string[]): Invocation {
  const [first, noun, afterNoun] = takeWord(argv);
  const [second, verb, afterVerb] = takeWord(afterNoun);
  const rest = [...first, ...second, ...afterVerb];
  if (noun === undefined || noun === "--help" || noun === "-h" || noun === "help")
    return helpFor([...(verb === undefined ? [] : [verb]), ...afterVerb]);
  if (noun === "--version" || noun === "-V") return { kind: "version" };
  if (noun === "completion") return { kind: "completion", shell: verb };
  const verbs = commands.filter((command) => command.noun === noun);
  if (verbs.length === 0)
    throw usage(`there is no command ${quoted(noun)}${nearest(noun, new Set(commands.map((c) => c.noun)))}`);
  if (verb === undefined || verb === "--help" || verb === "-h") return { kind: "help", noun };
  const command = verbs.find((candidate) => candidate.verb === verb || candidate.aliases?.includes(verb));
  if (command === undefined)
    throw usage(`${noun} has no verb ${quoted(verb)}${nearest(verb, new Set(verbs.map((c) => c.verb)))}`, noun);
  return parseFlags(command, rest);
}

/** The first word, what global flags stand before it, and what follows. */
function takeWord(argv: readonly string[]): [flags: string[], word: string | undefined, rest: readonly string[]] {
  let at = 0;
  for (let flag = argv[at]; flag !== undefined && isLeadingFlag(flag); flag = argv[at])
    at += flag === "--config" ? 2 : 1;
  return [argv.slice(0, at), argv[at], argv.slice(at + 1)];
}

function isLeadingFlag(text: string): boolean {
  return ["--json", "--quiet", "-q", "--config"].includes(text) || text.startsWith("--config=");
}

/** The parameters of a command that flags may set. */
export function flagsOf(command: Command): readonly ParamSpec[] {
  const byPlace = new Set([...command.positionals, command.rest?.name]);
  return methods[command.method].params.filter((param) => !byPlace.has(param.name));
}

/** A parameter's flag, without the dashes. */
export function flagName(param: string): string {
  return param.replaceAll("_", "-");
}

function helpFor([noun, verb]: readonly string[]): Invocation {
  if (noun === undefined) return { kind: "help" };
  const command = commands.find((candidate) => candidate.noun === noun && candidate.verb === verb);
  return command === undefined ? { kind: "help", noun } : { kind: "help", command };
}

function parseFlags(command: Command, argv: readonly string[]): Invocation {
  const flags = flagsOf(command);
  const options: Options = { ...globals };
  for (const flag of flags) {
    const short = command.short?.[flag.name];
    options[flagName(flag.name)] = {
      type: flag.type === "boolean" ? "boolean" : "string",
      multiple: flag.many,
      ...(short === undefined ? {} : { short }),
    };
  }
  const [own, rest] = command.rest === undefined ? [argv, []] : splitRest(argv, options, command.positionals.length);
  const { values, positionals } = parseStrictly(command, joinNegatives(own, flags), options);
  if (values["help"] === true) return { kind: "help", command };
  const params: Record<string, ParamValue> = {};
  for (const flag of flags) {
    const value = values[flagName(flag.name)];
    if (value !== undefined) params[flag.name] = convert(command, flag, value);
  }
  takePositionals(command, positionals, params);
  if (command.rest?.required === true && rest.length === 0) {
    throw usage(`${title(command)}: ${command.rest.name} is missing`, title(command));
  }
  return {
    kind: "command",
    command,
    params,
    rest,
    flags: {
      json: values["json"] === true,
      quiet: values["quiet"] === true,
      config: typeof values["config"] === "string" ? values["config"] : undefined,
    },
  };
}

/** `--cpus -1` as `--cpus=-1`: a number below zero is a number, and whoever judges it says what is accepted. */
function joinNegatives(argv: readonly string[], flags: readonly ParamSpec[]): string[] {
  const numbers = new Set(flags.filter(({ type }) => type === "integer").map(({ name }) => `--${flagName(name)}`));
  const joined: string[] = [];
  for (const text of argv) {
    const before = joined.at(-1) ?? "";
    if (numbers.has(before) && /^-\d/.test(text)) joined[joined.length - 1] = `${before}=${text}`;
    else joined.push(text);
  }
  return joined;
}

/** Cuts the command line behind the last position of our own: what follows belongs to the command that is run. */
function splitRest(argv: readonly string[], options: Options, positions: number): [string[], string[]] {
  const { tokens } = parseArgs({ args: [...argv], options, strict: false, allowPositionals: true, tokens: true });
  let seen = 0;
  for (const token of tokens) {
    if (token.kind === "option-terminator") return [argv.slice(0, token.index), argv.slice(token.index + 1)];
    if (token.kind === "positional" && ++seen > positions) return [argv.slice(0, token.index), argv.slice(token.index)];
  }
  return [[...argv], []];
}

function parseStrictly(command: Command, args: readonly string[], options: Options) {
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: true });
  } catch (cause) {
    const whole = cause instanceof Error ? cause.message : String(cause);
    const text = whole
      .split(/[.\n]/)[0]
      ?.replace(/argument is ambiguous$/, "needs a value (with `=` when it begins with -)");
    const unknown = /Unknown option '(-+[^']*)'/.exec(text ?? "")?.[1];
    const near = unknown === undefined ? "" : nearest(unknown.replace(/^-+/, ""), new Set(Object.keys(options)), "--");
    throw usage(`${title(command)}: ${text}${near}`, title(command));
  }
}

function takePositionals(command: Command, given: readonly string[], params: Record<string, ParamValue>): void {
  const specs = methods[command.method].params as readonly ParamSpec[];
  for (const [index, name] of command.positionals.entries()) {
    const value = given[index];
    const spec = specs.find((param) => param.name === name);
    if (value !== undefined && spec !== undefined) params[name] = convert(command, spec, value);
    else if (spec?.required === true) throw usage(`${title(command)}: ${name} is missing`, title(command));
  }
  const extra = given[command.positionals.length];
  if (extra !== undefined) throw usage(`${title(command)}: ${quoted(extra)} is one argument too many`, title(command));
}

function convert(command: Command, spec: ParamSpec, value: unknown): ParamValue {
  if (spec.many) return value as string[];
  if (spec.type === "boolean") return value === true;
  const text = String(value);
  if (spec.choices !== undefined && !spec.choices.includes(text)) {
    throw usage(
      `${title(command)}: ${flagName(spec.name)}: ${quoted(text)} is not one of ${spec.choices.join(", ")}`,
      title(command),
    );
  }
  if (spec.type === "string") return text;
  const number = text.trim() === "" ? Number.NaN : Number(text);
  if (!Number.isInteger(number)) {
    throw usage(`${title(command)}: ${flagName(spec.name)}: ${quoted(text)} is not a whole number`, title(command));
  }
  return number;
}

function title(command: Command): string {
  return `${command.noun} ${command.verb}`;
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}

function usage(message: string, about = ""): BangerError {
  return new BangerError("usage", message, {
    details: { hint: `\`banger ${about === "" ? "" : `${about} `}--help\` shows what there is.` },
  });
}

/** `; did you mean …?` when one of the candidates is close. */
function nearest(text: string, candidates: ReadonlySet<string>, prefix = ""): string {
  const ranked = [...candidates]
    .map((candidate) => ({ candidate, distance: editDistance(text, candidate) }))
    .toSorted((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best !== undefined && best.distance <= Math.max(2, Math.floor(best.candidate.length / 3))
    ? `; did you mean ${prefix}${best.candidate}?`
    : "";
}

/** Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of Array.from(a).entries()) {
    const next = [i + 1];
    for (const [j, other] of Array.from(b).entries()) {
      next.push(Math.min((row[j] ?? 0) + (letter === other ? 0 : 1), (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
