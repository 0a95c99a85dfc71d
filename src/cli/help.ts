import { type Command, specOf } from "./command.ts";
import { commands } from "./commands.ts";
import { detach, flagsFor, flagsOf } from "./flags.ts";
import type { ParamSpec } from "./method-spec.ts";
import { rowsIn, wrapped } from "./help-layout.ts";
import { title } from "./usage.ts";
import { limitsOf } from "./value.ts";

const quietMeans = "no progress on standard error";

/** The help of the whole program, in lines of so many columns. */
export function programHelp(width?: number): string {
  const rows = commands.map((command) => [`  ${title(command)}`, specOf(command).summary] as const);
  return `${wrapped("banger: disposable virtual machines, in which every operation explains itself", width)}

usage: banger NOUN VERB [FLAGS] [ARGUMENTS]

${rowsIn(rows, width)}
${wrapped("`vm` may be left out before its verbs: `banger start web`.", width)}

Each takes:
${rowsIn(globalRows(quietMeans), width)}
${wrapped("Those that may take long take besides:", width)}
${rowsIn([[`  --${detach.name}`, `${detach.summary} (${detachable().join(", ")})`]], width)}
Also:
${rowsIn(
  [
    ["  help [NOUN [VERB]]", "what --help shows"],
    ["  version", "the version"],
    ["  completion SHELL", "completes commands and names in bash, zsh or fish"],
  ],
  width,
)}
examples:
  banger vm create --name web && banger vm start web
  banger vm exec web -- uname -a
  banger trace show last
`;
}

function detachable(): string[] {
  return commands.filter((command) => specOf(command).begins).map(title);
}

/** The help of one noun. */
export function nounHelp(noun: string, width?: number): string {
  if (noun === "completion") return completionHelp(width);
  const verbs = commands.filter((command) => command.noun === noun);
  const rows = verbs.map((command) => [`  ${title(command)}`, specOf(command).summary] as const);
  return `${rowsIn(rows, width)}\n${wrapped(`\`banger ${noun} VERB --help\` says more.`, width)}\n`;
}

function completionHelp(width: number | undefined): string {
  return `${wrapped("Prints what makes a shell complete commands, flags, and the names of VMs, images, kernels and operations.", width)}

usage: banger completion bash|zsh|fish

examples:
  source <(banger completion bash)                                      in ~/.bashrc
  source <(banger completion zsh)                                       in ~/.zshrc
  banger completion fish > ~/.config/fish/completions/banger.fish       once
`;
}

/** The help of one command. */
export function commandHelp(command: Command, width?: number): string {
  const spec = specOf(command);
  const params = spec.params as readonly ParamSpec[];
  const places: readonly Place[] = [
    ...command.positionals.flatMap((name) => params.filter((param) => param.name === name)),
    ...(command.rest === undefined ? [] : [command.rest]),
  ];
  const usage = [
    ...(flagsOf(command).length === 0 ? [] : ["[FLAGS]"]),
    ...places.map((argument) => place(argument, argument === command.rest, command.several === true)),
  ].join(" ");
  const flags = flagsOf(command).map((flag) => [`  ${flagUsage(command, flag)}`, flagSummary(flag)] as const);
  const sections = [
    wrapped(spec.summary, width),
    `usage: banger ${title(command)}${usage === "" ? "" : ` ${usage}`}${alsoKnownAs(command)}`,
    command.several === true
      ? wrapped(
          "Several at once are tried all; each is an operation of its own, and the exit code is the highest.",
          width,
        )
      : "",
    command.about === undefined ? "" : wrapped(command.about, width),
    places.length === 0
      ? ""
      : `arguments:\n${rowsIn(
          places.map((argument) => [`  ${argument.name.toUpperCase()}`, flagSummary(argument, true)]),
          width,
        )}`,
    `flags:\n${rowsIn([...flags, ...globalRows(command.quiet ?? quietMeans)], width)}`,
    `examples:\n${command.examples.map((example) => `  ${example}\n`).join("")}`,
  ];
  return `${sections
    .filter((section) => section !== "")
    .map((section) => section.trimEnd())
    .join("\n\n")}\n`;
}

function globalRows(quiet: string) {
  return [
    [
      "  --json",
      "the result as JSON on standard output, an error as a line of JSON on standard error; with -q nothing else is there",
    ],
    ["  -q, --quiet", quiet],
    ["  --config FILE", "the installation (default /etc/banger/install.toml, or $BANGER_CONFIG)"],
    ["  -h, --help", "this text"],
  ] as const;
}

function alsoKnownAs({ noun, aliases = [] }: Command): string {
  return aliases.map((alias) => `\n   or: banger ${noun} ${alias} …`).join("");
}

/** An argument of the command line. */
type Place = Pick<ParamSpec, "name" | "summary" | "required"> & Partial<ParamSpec>;

function place({ name, required, many = false }: Place, rest: boolean, several: boolean): string {
  const upper = name.toUpperCase();
  const text = rest ? `-- ${upper}...` : several || many ? `${upper}...` : upper;
  return required ? text : `[${text}]`;
}

function flagUsage(command: Command, spec: ParamSpec): string {
  const short = command.short?.[spec.name];
  const [{ name, unit }] = flagsFor(spec);
  const bare = spec.type === "integer" ? "N" : "TEXT";
  const value = spec.type === "boolean" ? "" : ` ${spec.choices?.join("|") ?? unit?.placeholder ?? bare}`;
  return `${short === undefined ? "" : `-${short}, `}--${name}${value}`;
}

function flagSummary(argument: Place, byPlace = false): string {
  const { summary, usual, default: preset = usual, choices, required } = argument;
  const spec = { many: false, type: "string", ...argument } as const;
  const [{ unit }, exact] = flagsFor(spec);
  const show = (value: unknown) => (typeof value === "number" && unit !== undefined ? unit.show(value) : String(value));
  const none = preset === undefined || preset === false || (Array.isArray(preset) && preset.length === 0);
  const notes = [
    ...(required && !byPlace ? ["required"] : []),
    ...(choices === undefined || !byPlace ? [] : [choices.join(", ")]),
    ...(limitsOf(spec, unit) === "" ? [] : [limitsOf(spec, unit)]),
    ...(none ? [] : [`default ${show(preset)}`]),
    ...(exact === undefined || byPlace ? [] : [`or --${exact.name} N`]),
  ];
  return notes.length === 0 ? summary : `${summary} (${notes.join("; ")})`;
}
