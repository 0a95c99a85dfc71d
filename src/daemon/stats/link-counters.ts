import { readFileSync } from "node:fs";

/** What went over a link since it was made, in bytes, as its host sees it. */
export interface LinkCounters {
  readonly received: number;
  readonly sent: number;
}

/** The counters of every link, by name. */
export type LinkTable = ReadonlyMap<string, LinkCounters>;

/** Reads /proc/net/dev (proc(5)): of each link the bytes received, seven other numbers, the bytes sent. */
export function parseLinkTable(text: string): LinkTable {
  const table = new Map<string, LinkCounters>();
  for (const line of text.split("\n")) {
    const [, name, numbers = ""] = /^ *([^\s:]+): *(\d[\d ]*)$/.exec(line) ?? [];
    const [received, sent] = [0, 8].map((at) => Number(numbers.split(/ +/)[at]));
    if (name !== undefined && isCount(received) && isCount(sent)) table.set(name, { received, sent });
  }
  return table;
}

/** The links of this process's own network namespace; /sys shows those of whoever mounted it. */
export function readLinkTable(): LinkTable {
  return parseLinkTable(readFileSync("/proc/net/dev", "latin1"));
}

function isCount(value: number | undefined): value is number {
  return Number.isSafeInteger(value);
}
