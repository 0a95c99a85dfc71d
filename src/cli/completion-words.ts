import { type Command, specOf } from "./command.ts";
import { isListed, type Listed } from "./completion-names.ts";
import { shells } from "./shells.ts";
import { logsOf, lookUp, lookUpUsual, nouns, takeWord, usualVerbs, verbsOf } from "./find-command.ts";
import { flagsFor, flagsOf } from "./flags.ts";
import type { ParamSpec } from "./method-spec.ts";
import { globalFlags, splitArguments } from "./read-flags.ts";

/** What the last word of a command line may be. */
export interface Completions {
  /** True where any file is. */
  readonly files: boolean;
  readonly words: readonly string[];
  /** Whose names are. */
  readonly names: Listed | undefined;
  /** The install file that the command line names. */
  readonly config: string | undefined;
  /** Those that go on with what was typed, as the shell wants them. */
  readonly choose: (candidates: readonly string[]) => string[];
}

type Found = Pick<Completions, "words"> &
  Partial<Pick<Completions, "files" | "names">> & { without?: readonly string[] };

const globals = Object.keys(globalFlags).map((name) => `--${name}`);

/** Reads the words of a command line that isn't complete, the program's name not included; undefined where nothing can follow. */
export function completions(typed: readonly string[]): Completions | undefined {
  const { words, split } = joined(typed);
  const before = words.slice(0, -1);
  // A shell keeps the quote that its person has begun.
  const current = (words.at(-1) ?? "").replace(/^['"]/, "");
  const inline = /^(--[a-z-]+=)(.*)$/s.exec(current);
  const found = find(inline === null ? before : [...before, inline[1]?.slice(0, -1) ?? ""], inline?.[2] ?? current);
  if (found === undefined) return undefined;
  const { without = [] } = found;
  return {
    files: found.files === true,
    words: found.words,
    names: found.names,
    config: configOf(before),
    choose: (candidates) =>
      candidates
        .filter((candidate) => candidate.startsWith(inline?.[2] ?? current) && !without.includes(candidate))
        .map((candidate) => (inline === null || split ? candidate : `${inline[1]}${candidate}`)),
  };
}

/** Bash takes `--image=de` for three words. */
function joined(typed: readonly string[]): { words: string[]; split: boolean } {
  const words: string[] = [];
  let split = false;
  for (const [index, word] of typed.entries()) {
    const last = words.at(-1) ?? "";
    const isSign = word === "=" && last.startsWith("--") && !last.includes("=");
    const isValue = typed[index - 1] === "=" && last.startsWith("--") && last.endsWith("=");
    split = isSign || isValue;
    if (split) words[words.length - 1] = last + word;
    else words.push(word);
  }
  return { words, split };
}

function find(before: readonly string[], current: string): Found | undefined {
  if (before.at(-1) === "--config") return { words: [], files: true };
  const { word: first, after } = takeWord(before);
  if (first === undefined) {
    return {
      words: [
        ...nouns(),
        ...usualVerbs(),
        "completion",
        "help",
        "version",
        ...flagsIf(current, [...globals, "--version"]),
      ],
    };
  }
  if (first === "help") return helpWords(after);
  if (first === "completion") return after.length === 0 ? { words: shells } : undefined;
  if (!nouns().has(first)) return argument(lookUpUsual(first), after, current);
  const { word: second, after: args } = takeWord(after);
  const logs = first === "logs" ? logsOf(after) : undefined;
  if (logs !== undefined) return argument(logs, after, current);
  if (first === "logs" && second === undefined)
    // A VM's name alone means its console.
    return { words: [...verbsOf(first), "last", "vm", ...flagsIf(current, globals)], names: "vm" };
  if (second === undefined) return { words: [...verbsOf(first), ...flagsIf(current, globals)] };
  return argument(lookUp(first, second), args, current);
}

function helpWords([noun, verb]: readonly string[]): Found | undefined {
  if (noun === undefined) return { words: [...nouns(), ...usualVerbs(), "completion"] };
  return verb === undefined ? { words: verbsOf(noun) } : undefined;
}

/** What an argument behind a command's verb may be. */
function argument(command: Command | undefined, args: readonly string[], current: string): Found | undefined {
  if (command === undefined) return undefined;
  const { own, positionals, rest, ended } = splitArguments(command, args);
  const last = own.at(-1);
  const awaits = last !== undefined && last.index === args.length - 1 && last.value === undefined;
  const flags = flagsOf(command);
  if (awaits && !ended) {
    const spec = flags.find((flag) => flagsFor(flag).some(({ name }) => name === last.name));
    if (spec !== undefined && spec.type !== "boolean") return valueOf(command, spec);
  }
  if (rest.length > 0 || (ended && command.rest !== undefined)) return undefined;
  if (current.startsWith("-") && !ended) {
    const given = new Set(own.map(({ name }) => name));
    const free = flags.filter((flag) => flag.many || !flagsFor(flag).some(({ name }) => given.has(name)));
    return { words: [...free.map((flag) => `--${flagsFor(flag)[0].name}`), ...globals] };
  }
  const params = specOf(command).params;
  const lastPlace = command.positionals.length - 1;
  const isMany = params.some((param) => param.many && param.name === command.positionals[lastPlace]);
  const repeats = command.several === true || isMany;
  const name = command.positionals[repeats ? Math.min(lastPlace, positionals.length) : positionals.length];
  const spec = params.find((param) => param.name === name);
  if (spec === undefined) return undefined;
  const found = valueOf(command, spec);
  return found === undefined || !repeats ? found : { ...found, without: positionals };
}

function valueOf(command: Command, { name, choices }: ParamSpec): Found | undefined {
  if (choices !== undefined) return { words: choices };
  if (command.files?.includes(name)) return { words: [], files: true };
  return isListed(name) ? { words: [], names: name } : undefined;
}

function flagsIf(current: string, flags: readonly string[]): readonly string[] {
  return current.startsWith("-") ? flags : [];
}

function configOf(words: readonly string[]): string | undefined {
  const at = words.lastIndexOf("--config");
  if (at !== -1) return words[at + 1];
  return words.findLast((word) => word.startsWith("--config="))?.slice("--config=".length);
}
