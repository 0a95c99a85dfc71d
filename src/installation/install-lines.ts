import { InstallFileError } from "./install-file-error.ts";
import { nearestOf } from "./nearest.ts";

/** What an install file says, by key. */
export type Values = Map<string, string | number>;

/** A line that says something: what TOML calls a bare key, then a basic string without escapes, a literal string or a decimal number. */
const assignment = /^\s*([A-Za-z0-9_-]+)\s*=\s*(?:"([^"\\]*)"|'([^']*)'|(0|[1-9]\d{0,9}))\s*(?:#.*)?$/;
/** Control characters, but for a tab; where a line ends is gone by then. */
// oxlint-disable-next-line no-control-regex
const control = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028\u2029]/;

/** Reads the strict subset of TOML that install files are written in: one `key = "text"` or `key = number` a line. */
export function parseLines(text: string, known: readonly string[]): Values {
  if (text.startsWith("\uFEFF")) {
    throw new InstallFileError("line 1: begins with a byte order mark; save the file as UTF-8 without one");
  }
  const values: Values = new Map();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const where = `line ${index + 1}`;
    if (control.test(line)) throw new InstallFileError(`${where}: has a control character; remove it`);
    if (/^\s*(#.*)?$/.test(line)) continue;
    const [, key, quoted, literal, number] = assignment.exec(line) ?? [];
    if (key === undefined) {
      const given = JSON.stringify(line.length > 60 ? `${line.slice(0, 60)}…` : line);
      throw new InstallFileError(
        `${where}: ${given} must be key = "text" or key = number, alone on its line and without escapes`,
      );
    }
    if (!known.includes(key)) {
      const nearest = nearestOf(key, known);
      const next = nearest === undefined ? `the keys are ${known.join(", ")}` : `did you mean ${nearest}?`;
      throw new InstallFileError(`${key}: not a known key (${where}); ${next}`);
    }
    if (values.has(key)) throw new InstallFileError(`${key}: given twice, in ${where} again; keep one`);
    values.set(key, quoted ?? literal ?? Number(number));
  }
  return values;
}
