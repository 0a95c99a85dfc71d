import { parseArgs, type ParseArgsConfig } from "node:util";

const options = {
  config: { type: "string" },
  version: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const satisfies ParseArgsConfig["options"];

/** What daemon and helper may be started with. */
export interface ServiceArguments {
  /** The install file's path. */
  readonly config?: string;
  readonly version?: boolean;
  readonly help?: boolean;
}

/** Reads a service's arguments; throws an error in one line for what means nothing. */
export function readServiceArguments(program: string, args: readonly string[]): ServiceArguments {
  const { tokens } = parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true });
  const refuse = (why: string) => new Error(`${why}; \`${program} --help\` shows what is accepted`);
  const read: { -readonly [K in keyof ServiceArguments]: ServiceArguments[K] } = {};
  for (const token of tokens) {
    if (token.kind === "positional") throw refuse(`there is no argument ${JSON.stringify(token.value)}`);
    if (token.kind !== "option") continue;
    if (token.name === "config") {
      if (token.value === undefined) throw refuse(`${token.rawName} needs a value`);
      read.config = token.value;
    } else if (token.name === "version" || token.name === "help") {
      if (token.value !== undefined) throw refuse(`${token.rawName} takes no value`);
      read[token.name] = true;
    } else throw refuse(`there is no flag ${token.rawName}`);
  }
  return read;
}
