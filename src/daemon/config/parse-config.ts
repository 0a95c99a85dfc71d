import { parse, TomlError, type TomlTable } from "smol-toml";
import { z } from "zod";
import { nearestOf } from "../../installation/nearest.ts";
import { ConfigError, type ConfigProblem } from "./config-error.ts";
import { linesOfKeys } from "./key-lines.ts";
import { configKeys, type ConfigKey, type ConfigValues, noSection } from "./keys.ts";

/** What a config file says, and on which line each key of it stands. */
export interface ParsedConfig {
  readonly values: ConfigValues;
  /** By the key's path, `defaults.cpus`. */
  readonly lines: ReadonlyMap<string, number>;
}

const sections = configKeys as Record<string, Record<string, ConfigKey>>;

const schema = z.strictObject({
  ...fieldsOf(sections[noSection]),
  ...Object.fromEntries(
    sectionNames().map((name) => [name, z.strictObject(fieldsOf(sections[name]), { error: sectionError }).default({})]),
  ),
});

function sectionNames(): string[] {
  return Object.keys(sections).filter((name) => name !== noSection);
}

function fieldsOf(keys: Record<string, ConfigKey> = {}) {
  return Object.fromEntries(Object.entries(keys).map(([name, key]) => [name, key.schema.optional()]));
}

function sectionError({ code }: { readonly code: string }): string | undefined {
  return code === "invalid_type" ? "must be a table; write [defaults] on a line of its own" : undefined;
}

/** Reads a config file's text; whatever is wrong with it is one ConfigError that says all of it. */
export function parseConfig(text: string): ParsedConfig {
  const table = tableOf(text);
  const lines = linesOfKeys(text);
  const { data, error } = schema.safeParse(table);
  if (error === undefined) return { values: data as ConfigValues, lines };
  const problems = error.issues.flatMap((issue) => problemsOf(issue, table, lines));
  throw new ConfigError(problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0)));
}

function tableOf(text: string): TomlTable {
  try {
    return parse(text);
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause;
    const [first = ""] = cause.message.replace(/^Invalid TOML document: /, "").split("\n");
    throw new ConfigError([{ line: cause.line, text: `is not TOML: ${first} (column ${cause.column})` }], cause);
  }
}

function problemsOf(
  issue: z.core.$ZodIssue,
  table: TomlTable,
  lines: ReadonlyMap<string, number>,
): readonly ConfigProblem[] {
  const path = issue.path.map(String);
  const at = (key: readonly string[], text: string) => ({
    line: lineOf(key, lines),
    text: `${key.join(".")}: ${text}`,
  });
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => at([...path, key], `is not a known key; ${instead(key, path[0])}`));
  }
  return [at(path, `${shown(valueAt(table, path))} ${issue.message}`)];
}

/** The line of a key; what is in a list has that of the list. */
function lineOf(key: readonly string[], lines: ReadonlyMap<string, number>): number | undefined {
  return lines.get(key.join(".")) ?? (key.length > 1 ? lineOf(key.slice(0, -1), lines) : undefined);
}

function instead(key: string, section: string = noSection): string {
  const known = [...Object.keys(sections[section] ?? {}), ...(section === noSection ? sectionNames() : [])];
  const elsewhere = Object.entries(sections).find(([, keys]) => Object.hasOwn(keys, key))?.[0];
  if (elsewhere === noSection) return "it belongs above the first [section]";
  if (section === noSection && elsewhere !== undefined) return `it belongs below [${elsewhere}]`;
  const nearest = nearestOf(key, known);
  return nearest === undefined ? `known are ${known.join(", ")}` : `did you mean ${nearest}?`;
}

function valueAt(table: TomlTable, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, key) => (value as TomlTable)[key], table);
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
