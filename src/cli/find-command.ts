import type { Command } from "./command.ts";
import { commands } from "./commands.ts";
import { nearest } from "./nearest.ts";
import { plain, quoted, title, usage } from "./usage.ts";

/** What a command line's first words name. */
export type Named =
  | { readonly kind: "command"; readonly command: Command; readonly args: readonly string[] }
  | { readonly kind: "help"; readonly noun?: string; readonly command?: Command }
  | { readonly kind: "version" }
  | { readonly kind: "completion"; readonly args: readonly string[] };

/** Before their verbs these nouns may be left out; the first of two that have the verb is meant. */
const usualNouns = ["vm", "system"] as const;
const helpWords: ReadonlySet<string> = new Set(["--help", "-h"]);
const versionWords: ReadonlySet<string> = new Set(["--version", "-V"]);

/** Finds the command that is meant. Flags that every command takes may stand before noun and verb too. */
export function findCommand(argv: readonly string[]): Named {
  const { flags, word: first, after } = takeWord(argv);
  if (flags.some((flag) => versionWords.has(flag)) || first === "version") return { kind: "version" };
  if (first === undefined || first === "help") return helpFor(after);
  if (first === "completion") {
    const asked = [...flags, ...after].some((word) => helpWords.has(word));
    return asked ? { kind: "help", noun: first } : { kind: "completion", args: after };
  }
  const { flags: between, word: second, after: args } = takeWord(after);
  if (between.some((flag) => versionWords.has(flag))) return { kind: "version" };
  const logs = first === "logs" ? logsOf(after) : undefined;
  if (logs !== undefined) return { kind: "command", command: logs, args: [...flags, ...after] };
  if (nouns().has(first)) {
    if (second === undefined) return { kind: "help", noun: first };
    if (second === "help") return helpFor([first, ...args]);
    return { kind: "command", command: verbOf(first, second, args), args: [...flags, ...between, ...args] };
  }
  const command = lookUpUsual(first);
  if (command === undefined) throw unknown(first, second);
  // A noun wins where both would fit: `rm image web` is no wish to delete two VMs.
  if (second !== undefined && lookUp(second, first) !== undefined) {
    const meant = `\`banger ${second} ${first}\``;
    const other =
      command.positionals.length === 0
        ? ""
        : `, or \`banger ${command.noun} ${first} ${second}\` for a VM of that name`;
    throw usage(`${first} comes after ${second}; did you mean ${meant}${other}?`, second);
  }
  return { kind: "command", command, args: [...flags, ...after] };
}

/** Behind `logs` the verb may be left out, and behind it a VM's name alone means that VM's console, as before any verb of a VM's. */
export function logsOf(words: readonly string[]): Command | undefined {
  const [word] = words.filter((one) => !one.startsWith("-"));
  if (word === undefined || word === "show" || word === "help") return undefined;
  // What stands behind `--since` is no name; a VM's console has neither flag.
  const isOfOperation = words.some((one) => /^(last|vm|op-[0-9a-f]{4,32}|--spans|--since(=.*)?)$/.test(one));
  return isOfOperation || /^(op-.*|[0-9a-f]{4,32})$/.test(word) ? lookUp("logs", "show") : lookUp("vm", "logs");
}

/** The command of a noun and a verb, or of another word for the verb. */
export function lookUp(noun: string, verb: string): Command | undefined {
  return commands.find(
    (candidate) => candidate.noun === noun && (candidate.verb === verb || candidate.aliases?.includes(verb)),
  );
}

/** The command of a verb before which the noun may be left out. */
export function lookUpUsual(verb: string): Command | undefined {
  for (const noun of usualNouns) {
    const found = lookUp(noun, verb);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Every noun that commands have. */
export function nouns(): ReadonlySet<string> {
  return new Set(commands.map(({ noun }) => noun));
}

/** The verbs of a noun. */
export function verbsOf(noun: string): string[] {
  return commands.filter((command) => command.noun === noun).map(({ verb }) => verb);
}

/** The verbs before which the noun may be left out. */
export function usualVerbs(): string[] {
  return usualNouns.flatMap(verbsOf);
}

/** The first word, what flags of every command stand before it, and what follows. */
export function takeWord(argv: readonly string[]): { flags: string[]; word: string | undefined; after: string[] } {
  let at = 0;
  for (let flag = argv[at]; flag !== undefined && isLeadingFlag(flag); flag = argv[at]) {
    at += flag === "--config" ? 2 : 1;
    if (at > argv.length) throw usage("--config needs a value: the install file's path");
  }
  return { flags: argv.slice(0, at), word: argv[at], after: argv.slice(at + 1) };
}

/** True for a flag of every command, as a word of its own. */
export function isLeadingFlag(text: string): boolean {
  return (
    ["--json", "--no-json", "--quiet", "--no-quiet", "--config"].includes(text) ||
    text.startsWith("--config=") ||
    helpWords.has(text) ||
    versionWords.has(text) ||
    /^-[qh]+$/.test(text)
  );
}

function helpFor(words: readonly string[]): Named {
  const [noun, verb] = words.filter((word) => !word.startsWith("-"));
  if (noun === undefined) return { kind: "help" };
  if (noun === "completion") return { kind: "help", noun };
  if (nouns().has(noun))
    return verb === undefined ? { kind: "help", noun } : { kind: "help", command: verbOf(noun, verb, []) };
  const command = lookUpUsual(noun);
  if (command === undefined) throw unknown(noun, verb);
  return { kind: "help", command };
}

function verbOf(noun: string, verb: string, args: readonly string[]): Command {
  const command = lookUp(noun, verb);
  if (command !== undefined) return command;
  if (verb.startsWith("-")) throw flagTooEarly(verb, noun);
  const swapped = args[0] === undefined ? undefined : lookUp(noun, args[0]);
  const near =
    swapped === undefined || swapped.positionals.length === 0
      ? nearest(verb, wordsOf(noun))
      : `; did you mean \`banger ${title(swapped)} ${plain(verb)}\`?`;
  throw usage(`${noun} has no verb ${quoted(verb)}${near}`, noun);
}

/** What to say of a first word that is neither a noun nor a verb of the usual one. */
function unknown(first: string, second: string | undefined): Error {
  if (first.startsWith("-")) return flagTooEarly(first, "");
  const swapped = second === undefined ? undefined : lookUpUsual(second);
  const elsewhere = commands.find(({ verb, aliases = [] }) => verb === first || aliases.includes(first));
  const near =
    swapped !== undefined && swapped.positionals.length > 0
      ? `; did you mean \`banger ${title(swapped)} ${plain(first)}\`?`
      : elsewhere !== undefined
        ? `; did you mean \`banger ${elsewhere.noun} ${first}\`?`
        : nearest(first, [...nouns(), ...usualNouns.flatMap(wordsOf), "help", "version", "completion"]);
  return usage(`there is no command ${quoted(first)}${near}`);
}

function flagTooEarly(flag: string, noun: string): Error {
  const near = nearest(flag, ["--json", "--quiet", "--config", "--help", "--version"]);
  return usage(
    `${quoted(flag)} stands before the verb, where only --json, --quiet, --config and --help may${near}`,
    noun,
  );
}

function wordsOf(noun: string): string[] {
  return commands.filter((command) => command.noun === noun).flatMap(({ verb, aliases = [] }) => [verb, ...aliases]);
}
