import { BangerError } from "../rpc/contract/errors.ts";

/** What a person's Ctrl-C, or a SIGTERM, does. */
export interface Interrupt {
  /** Aborts at the first signal: the operation is cancelled, and its undoing awaited. */
  readonly signal: AbortSignal;
  /** While a program in the foreground has the terminal, Ctrl-C is its own affair. */
  suspend(): Disposable;
  close(): void;
}

/** Listens for signals. The second one ends the waiting, not the undoing: the daemon goes on with that. */
export function listenForInterrupt(note: (text: string) => void): Interrupt {
  const abort = new AbortController();
  let suspended = 0;
  const take = (signal: NodeJS.Signals) => {
    if (suspended > 0 && signal === "SIGINT") return;
    if (abort.signal.aborted) process.exit(130);
    note("cancelling (Ctrl-C again to leave at once)\n");
    abort.abort(new BangerError("cancelled", "cancelled"));
  };
  process.on("SIGINT", take);
  process.on("SIGTERM", take);
  return {
    signal: abort.signal,
    suspend: () => {
      suspended++;
      return { [Symbol.dispose]: () => void suspended-- };
    },
    close: () => {
      process.off("SIGINT", take);
      process.off("SIGTERM", take);
    },
  };
}
