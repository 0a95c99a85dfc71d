import { constants } from "node:os";
import { BangerError } from "../rpc/contract/errors.ts";

/** What a person's Ctrl-C, a closed terminal or a SIGTERM does. */
export interface Interrupt {
  /** Aborts at the first signal: the operation is cancelled, and its undoing awaited. */
  readonly signal: AbortSignal;
  /** While a program in the foreground has the terminal, Ctrl-C is its own affair. */
  suspend(): Disposable;
  /** From here on a signal ends this process's waiting and nothing else. */
  onlyLeave(): void;
  /** What is begun from here on is undone by this process: no further signal ends it before that is done. */
  undoesHere(): void;
  /** From here on signals, SIGUSR1 and 2 too, go to `pass`, which is for what runs elsewhere; call what it returns to end that. */
  passTo(pass: (signal: number) => void): () => void;
  /** What a shell calls an end by the signal that came; undefined when none did. */
  readonly exitCode: number | undefined;
  close(): void;
}

const ending = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const;
/** The same signal twice within this is a person who means it; later it is one more for what runs. */
const insistsMs = 2_000;
const telling = ["SIGUSR1", "SIGUSR2"] as const;

/**
 * Listens for signals. The second one ends the waiting, not the undoing: the daemon goes on with that, or, where it is done here (`undoesHere`),
 * this process, which says so. `now` is in milliseconds.
 */
export function listenForInterrupt(note: (text: string) => void, now = () => performance.now()): Interrupt {
  const abort = new AbortController();
  let suspended = 0;
  let killing = false;
  let last: { readonly signal: NodeJS.Signals; readonly atMs: number } | undefined;
  let exitCode: number | undefined;
  let pass: ((signal: number) => void) | undefined;
  let leaving = false;
  let undoing = false;
  const take = (signal: NodeJS.Signals) => {
    if (suspended > 0 && (signal === "SIGINT" || signal === "SIGQUIT")) return;
    const number = constants.signals[signal];
    if (pass !== undefined && !killing && !abort.signal.aborted) {
      killing = last?.signal === signal && now() - last.atMs <= insistsMs;
      last = { signal, atMs: now() };
      if (!killing) return pass(number);
      note("killing the command (once more to leave at once)\n");
      return pass(constants.signals.SIGKILL);
    }
    exitCode ??= 128 + number;
    if (undoing) {
      note(
        abort.signal.aborted
          ? "what was begun is still being undone\n"
          : "cancelling; what was begun is undone first\n",
      );
      return abort.abort(new BangerError("cancelled", "cancelled"));
    }
    if (killing || abort.signal.aborted) process.exit(exitCode);
    if (!leaving) note("cancelling (Ctrl-C again to leave at once)\n");
    abort.abort(new BangerError("cancelled", "cancelled"));
  };
  const tell = (signal: NodeJS.Signals) => pass?.(constants.signals[signal]);
  for (const signal of ending) process.on(signal, take);
  return {
    signal: abort.signal,
    suspend: () => {
      suspended++;
      return { [Symbol.dispose]: () => void suspended-- };
    },
    onlyLeave: () => {
      leaving = true;
    },
    undoesHere: () => {
      undoing = true;
    },
    passTo: (next) => {
      pass = next;
      for (const signal of telling) process.on(signal, tell);
      return () => {
        pass = undefined;
        for (const signal of telling) process.off(signal, tell);
      };
    },
    get exitCode() {
      // One that was passed on may have found nothing there to take it.
      return exitCode ?? (last === undefined ? undefined : 128 + constants.signals[last.signal]);
    },
    close: () => {
      for (const signal of ending) process.off(signal, take);
    },
  };
}
