/** Escape sequences (ECMA-48), then whatever else would move a cursor, ring, or turn the direction of writing. */
// oxlint-disable-next-line no-control-regex
const sequences = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\-_])/g;
// oxlint-disable-next-line no-control-regex
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Text from a guest as it may be shown in a terminal: lines of plain characters. */
export function printable(text: string): string {
  return text.replace(/\r\n?/g, "\n").replace(sequences, "").replace(controls, "");
}

/** As {@link printable}, in one line, whose indent stays; `between` stands for a line's end. What another program says within a sentence of ours, or in a table's cell. */
export function printableLine(text: string, between = " "): string {
  return printable(text)
    .replace(/^\s*\n/, "")
    .trimEnd()
    .replaceAll(/\s*\n\s*/g, between)
    .replaceAll("\t", " ");
}
