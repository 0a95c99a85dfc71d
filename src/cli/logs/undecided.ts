import type { LogRecord } from "./log-record.ts";
import type { Chosen } from "./which-records.ts";

/** So many records wait until it is known what their operation is about. */
const mostHeld = 1_000;

/** What comes while a log is followed: an operation's first records are written before it is known which VM it is about. */
export class Undecided {
  readonly #chosen: Chosen;
  #held: readonly LogRecord[] = [];

  constructor(chosen: Chosen) {
    this.#chosen = chosen;
  }

  /** Those that are meant among what has come, and among what waited for what these tell. */
  take(come: readonly LogRecord[]): LogRecord[] {
    for (const record of come) this.#chosen.has(record);
    const all = [...this.#held, ...come];
    this.#held = all.filter((record) => record.op_id !== undefined && !this.#chosen.has(record)).slice(-mostHeld);
    return all.filter((record) => this.#chosen.has(record));
  }
}
