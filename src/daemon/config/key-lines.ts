import { parse, type TomlTable, type TomlValue } from "smol-toml";

/** The line on which each key of a TOML text is, by its dotted path, tables' headers too. The text is known to be TOML. */
export function linesOfKeys(text: string): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  const note = (path: readonly string[], line: number) => {
    const key = path.join(".");
    if (!found.has(key)) found.set(key, line);
  };
  let table: readonly string[] = [];
  for (const { line, statement, text: own } of statementsOf(text)) {
    if (own.trimStart().startsWith("[")) table = onlyPathOf(statement);
    for (const path of pathsOf(statement, own.trimStart().startsWith("[") ? [] : table)) note(path, line);
  }
  return found;
}

interface Statement {
  readonly line: number;
  readonly text: string;
  readonly statement: TomlTable;
}

/** What each line says, or several together where a value goes over several: the fewest that are TOML by themselves. */
function* statementsOf(text: string): Generator<Statement> {
  let lines: string[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    lines.push(line);
    const own = lines.join("\n");
    const statement = parsed(own);
    if (statement === undefined) continue;
    yield { line: index + 2 - lines.length, text: own, statement };
    lines = [];
  }
}

function parsed(text: string): TomlTable | undefined {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

/** The path that a table's header names. */
function onlyPathOf(header: TomlTable): string[] {
  const path: string[] = [];
  for (let value: TomlValue | undefined = header; value !== undefined; ) {
    const [entry]: [string, TomlValue][] = isTable(value) ? Object.entries(value) : [];
    if (entry === undefined) break;
    path.push(entry[0]);
    value = Array.isArray(entry[1]) ? entry[1][0] : entry[1];
  }
  return path;
}

/** Every path in a table, those of tables before those in them. */
function pathsOf(value: TomlTable, above: readonly string[]): string[][] {
  return Object.entries(value).flatMap(([key, inner]) => {
    const path = [...above, key];
    return [path, ...(isTable(inner) ? pathsOf(inner, path) : [])];
  });
}

function isTable(value: TomlValue): value is TomlTable {
  return typeof value === "object" && !Array.isArray(value) && !(value instanceof Date);
}
