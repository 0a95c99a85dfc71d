import { fstatSync } from "node:fs";
import type { DestinationStream } from "pino";
import { droppedRecord, type Drops } from "./dropped-record.ts";
import { HeldLines } from "./held-lines.ts";
import { journalEntry } from "./journal-entry.ts";
import type { JournalSocket } from "./journal-socket.ts";

/** Where systemd's journal takes entries. */
export const journalSocketPath = "/run/systemd/journal/socket";

/** So much waits for a journal that is slow or stands still; what is beyond it is dropped. */
const heldBytes = 1024 * 1024;
/** What waits is tried again after this, though nothing else is written. */
const retryAfterMs = 20;

/** True for a process that systemd started with this descriptor on the journal (systemd.exec(5), $JOURNAL_STREAM). */
export function isOnJournal(env: NodeJS.ProcessEnv, fd: number): boolean {
  try {
    const { dev, ino } = fstatSync(fd, { bigint: true });
    return env["JOURNAL_STREAM"] === `${dev}:${ino}`;
  } catch {
    return false;
  }
}

/** What is written into the journal, with native fields. A journal that stands still delays nobody: what it doesn't take waits, then is dropped, counted and said. */
export class Journal implements DestinationStream, Drops {
  readonly #lines: HeldLines;

  constructor(socket: JournalSocket) {
    const taken = { later: 0, never: "never" } as const;
    this.#lines = new HeldLines({
      limitBytes: heldBytes,
      retryAfterMs,
      joins: false,
      gap: (dropped) => journalEntry(droppedRecord(dropped)),
      take: (entry) => {
        const sent = socket.send(entry);
        return sent === "sent" ? entry.length : taken[sent];
      },
    });
  }

  get dropped(): number {
    return this.#lines.dropped;
  }

  write(line: string): void {
    this.#lines.write(journalEntry(line));
  }

  /** At the end of the process: waits a little for a journal that is behind, so that the last words aren't lost. */
  drain(limitMs: number): void {
    const until = performance.now() + limitMs;
    const sleeping = new Int32Array(new SharedArrayBuffer(4));
    const lines = this.#lines;
    for (lines.flush(); lines.behind && performance.now() < until; lines.flush()) Atomics.wait(sleeping, 0, 0, 2);
  }
}
