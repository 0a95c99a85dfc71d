import { printable } from "../../rpc/printable.ts";

/** Text on one line without controls, whatever it came with; `between` stands for a line's end. */
export function oneLine(text: string, between = " "): string {
  return printable(text).trimEnd().replace(/\n+/g, between).replaceAll("\t", " ");
}
