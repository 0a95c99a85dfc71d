import { type Command, specOf } from "./command.ts";
import { findCommand, isLeadingFlag } from "./find-command.ts";
import { flagsFor, flagsOf, switchesOf } from "./flags.ts";
import type { ParamValue } from "./method-spec.ts";
import { type ReadFlags, readFlags } from "./read-flags.ts";
import { plain, quoted, title, usage } from "./usage.ts";
import { readValue } from "./value.ts";

/** The values of flags that every command takes. */
export interface GlobalFlags {
  readonly json: boolean;
  readonly quiet: boolean;
  /** --no-quiet: progress is shown although nobody watches. */
  readonly loud: boolean;
  readonly config: string | undefined;
}

/** A command that is asked for once. */
export interface CommandInvocation {
  readonly kind: "command";
  readonly command: Command;
  readonly params: Record<string, ParamValue>;
  readonly rest: readonly string[];
  /** The flags of the command's own that are set. */
  readonly switches: ReadonlySet<string>;
  readonly flags: GlobalFlags;
}

/** What a command line asks for. */
export type Invocation =
  | { readonly kind: "help"; readonly noun?: string; readonly command?: Command }
  | { readonly kind: "version" }
  | { readonly kind: "completion"; readonly shell: string | undefined }
  | { readonly kind: "several"; readonly flags: GlobalFlags; readonly each: readonly SeveralInvocation[] }
  | CommandInvocation;

/** One of several things that the same is done with. */
export interface SeveralInvocation extends CommandInvocation {
  /** What the person called it. */
  readonly label: string;
}

/** Reads a command line, the program's name not included. */
export function parseCommandLine(argv: readonly string[]): Invocation {
  const named = findCommand(argv);
  switch (named.kind) {
    case "completion":
      return completionOf(named.args);
    case "command":
      return invocationOf(named.command, readFlags(named.command, named.args));
    default:
      return named;
  }
}

function completionOf(args: readonly string[]): Invocation {
  const words = args.filter((word) => !isLeadingFlag(word) && word !== "--");
  const [shell, extra] = words;
  const flag = words.find((word) => word.startsWith("-"));
  if (flag !== undefined) throw usage(`completion: there is no flag ${plain(flag)}`, "completion");
  if (extra !== undefined) throw usage(`completion: ${quoted(extra)} is one argument too many`, "completion");
  return { kind: "completion", shell };
}

function invocationOf(command: Command, read: ReadFlags): Invocation {
  const { globals, rest, positionals } = read;
  if (globals.help === true) return { kind: "help", command };
  const own = new Set(switchesOf(command).map(({ name }) => name));
  const switches = new Set([...own].filter((name) => read.params[name] === true));
  const params = Object.fromEntries(Object.entries(read.params).filter(([name]) => !own.has(name)));
  const flags = {
    json: globals.json === true,
    quiet: globals.quiet === true,
    loud: globals.quiet === false,
    config: typeof globals.config === "string" ? globals.config : undefined,
  };
  const names = [...new Set(positionals)];
  if (command.several === true && names.length > 1) {
    const each = names.map((name) => ({
      kind: "command" as const,
      command,
      params: complete(command, params, [name]),
      rest,
      switches,
      flags,
      label: plain(name),
    }));
    return { kind: "several", flags, each };
  }
  const given = command.several === true ? names : positionals;
  const whole = complete(command, params, given);
  if (command.rest?.required === true && rest.length === 0) throw withoutCommand(command);
  return { kind: "command", command, params: whole, rest, switches, flags };
}

/** The parameters with those that are given by position; refuses what is missing and what is too much. */
function complete(
  command: Command,
  params: Readonly<Record<string, ParamValue>>,
  given: readonly string[],
): Record<string, ParamValue> {
  const whole = { ...params };
  const specs = specOf(command).params;
  let taken = command.positionals.length;
  for (const [index, name] of command.positionals.entries()) {
    const value = given[index];
    const spec = specs.find((param) => param.name === name);
    if (spec?.many === true) {
      // A list takes all that follow.
      whole[name] = [...new Set(given.slice(index))];
      taken = given.length;
    } else if (value !== undefined && spec !== undefined) {
      whole[name] = readValue(command, { spec, unit: undefined }, name, value);
    } else if (spec?.required === true) throw missing(command, name);
  }
  const extra = given[taken];
  if (extra !== undefined) {
    // What is made takes its name by a flag, and fingers give it by place.
    const isName =
      params["name"] === undefined && /^[a-z][a-z0-9-]{0,31}$/.test(extra) && specs.some(({ name }) => name === "name");
    const near = isName ? `; did you mean --name ${extra}?` : "";
    throw usage(`${title(command)}: ${quoted(extra)} is one argument too many${near}`, title(command));
  }
  const lacking = flagsOf(command).find(({ name, required }) => required && whole[name] === undefined);
  if (lacking !== undefined) throw missing(command, `--${flagsFor(lacking)[0].name}`);
  return whole;
}

function withoutCommand(command: Command): Error {
  const example = command.examples[0] ?? "";
  return usage(
    `${title(command)}: the command is missing: what to run in the guest, as in \`${example}\``,
    title(command),
  );
}

function missing(command: Command, what: string): Error {
  return usage(`${title(command)}: ${what} is missing`, title(command));
}
