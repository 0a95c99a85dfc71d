import type { Command } from "./command.ts";
import { commands } from "./commands.ts";
import { methods } from "./generated/methods.ts";
import type { ParamSpec } from "./method-spec.ts";
import { columns } from "./output/table.ts";
import { flagName, flagsOf } from "./parse.ts";

const globalFlags = [
  ["--json", "the result as JSON on standard output"],
  ["-q, --quiet", "no progress on standard error"],
  ["--config FILE", "the installation (default /etc/banger/install.toml, or $BANGER_CONFIG)"],
  ["-h, --help", "this text"],
] as const;

/** The help of the whole program. */
export function programHelp(): string {
  const rows = commands.map((command) => [`  ${command.noun} ${command.verb}`, methods[command.method].summary]);
  return `banger: disposable virtual machines, in which every operation explains itself

usage: banger NOUN VERB [FLAGS] [ARGUMENTS]

${columns(rows)}
Each takes:
${columns(globalFlags.map(([flag, text]) => [`  ${flag}`, text]))}
examples:
  banger vm create --name web && banger vm start web
  banger vm exec web -- uname -a
  banger trace show last
`;
}

/** The help of one noun. */
export function nounHelp(noun: string): string {
  const verbs = commands.filter((command) => command.noun === noun);
  if (verbs.length === 0) return programHelp();
  const rows = verbs.map((command) => [`  ${command.noun} ${command.verb}`, methods[command.method].summary]);
  return `${columns(rows)}\n\`banger ${noun} VERB --help\` says more.\n`;
}

/** The help of one command. */
export function commandHelp(command: Command): string {
  const spec = methods[command.method];
  const params = spec.params as readonly ParamSpec[];
  const places: readonly Place[] = [
    ...command.positionals.flatMap((name) => params.filter((param) => param.name === name)),
    ...(command.rest === undefined ? [] : [command.rest]),
  ];
  const usage = [
    ...(flagsOf(command).length === 0 ? [] : ["[FLAGS]"]),
    ...places.map((argument) => place(argument, argument === command.rest)),
  ].join(" ");
  const flags = flagsOf(command).map((flag) => [`  ${flagUsage(command, flag)}`, flagSummary(flag)]);
  const sections = [
    spec.summary,
    `usage: banger ${command.noun} ${command.verb}${usage === "" ? "" : ` ${usage}`}${alsoKnownAs(command)}`,
    places.length === 0
      ? ""
      : `arguments:\n${columns(places.map((argument) => [`  ${argument.name.toUpperCase()}`, flagSummary(argument)]))}`,
    `flags:\n${columns([...flags, ...globalFlags.map(([flag, text]) => [`  ${flag}`, text])])}`,
    `examples:\n${command.examples.map((example) => `  ${example}\n`).join("")}`,
  ];
  return `${sections
    .filter((section) => section !== "")
    .map((section) => section.trimEnd())
    .join("\n\n")}\n`;
}

function alsoKnownAs({ noun, aliases = [] }: Command): string {
  return aliases.map((alias) => `\n   or: banger ${noun} ${alias} …`).join("");
}

/** An argument of the command line. */
type Place = Pick<ParamSpec, "name" | "summary" | "required"> & Partial<ParamSpec>;

function place({ name, required }: Place, rest: boolean): string {
  const text = rest ? `-- ${name.toUpperCase()}...` : name.toUpperCase();
  return required ? text : `[${text}]`;
}

function flagUsage(command: Command, flag: ParamSpec): string {
  const short = command.short?.[flag.name];
  const value =
    flag.type === "boolean"
      ? ""
      : flag.choices === undefined
        ? ` ${flag.type === "integer" ? "N" : "TEXT"}`
        : ` ${flag.choices.join("|")}`;
  return `${short === undefined ? "" : `-${short}, `}--${flagName(flag.name)}${value}`;
}

function flagSummary({ summary, default: preset, choices }: Place): string {
  const shown =
    preset === undefined || preset === false || (Array.isArray(preset) && preset.length === 0)
      ? ""
      : ` (default ${String(preset)})`;
  const only = choices === undefined ? "" : ` (${choices.join(", ")})`;
  return `${summary}${only}${shown}`;
}
