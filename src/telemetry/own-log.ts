import type { DestinationStream } from "pino";
import type { Drops } from "./dropped-record.ts";
import { isOnJournal, Journal, journalSocketPath } from "./journal.ts";
import { openJournalSocket } from "./journal-socket.ts";
import { Output } from "./output.ts";

/** A process that ends waits so long for a journal that is behind. */
const lastWordsMs = 100;

/** Where a service's records go: into the journal where systemd has connected it to that, else to its standard output. Never to both. */
export function ownLog(env: NodeJS.ProcessEnv): DestinationStream & Drops {
  if (!isOnJournal(env, 2)) return new Output(1);
  const journal = new Journal(openJournalSocket(journalSocketPath));
  process.on("exit", () => journal.drain(lastWordsMs));
  return journal;
}
