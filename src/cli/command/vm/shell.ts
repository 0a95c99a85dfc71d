import type { CommandContext, Result } from "../../command.ts";
import { sshArguments } from "./ssh-arguments.ts";

/** How a guest is reached by ssh. */
export type Target = Result<"vmSsh">;

/** An ssh in the foreground, whose VM is in use as long as it runs. */
export class Shell {
  readonly #foreground: CommandContext["foreground"];
  readonly #remote: readonly string[];
  readonly #ended = Promise.withResolvers<void>();
  readonly #over = new AbortController();
  /** True once it was begun. */
  began = false;
  /** How it ended. */
  exitCode: Promise<number> = Promise.resolve(0);
  /** The request's input, which ends when the shell has. */
  readonly until = inputUntil(this.#ended.promise);

  /** `remote`: a command to run there instead of a shell. */
  constructor({ foreground }: Pick<CommandContext, "foreground">, remote: readonly string[]) {
    this.#foreground = foreground;
    this.#remote = remote;
  }

  begin(target: Target): void {
    this.began = true;
    this.exitCode = this.#foreground("ssh", sshArguments(target, this.#remote), this.#over.signal);
    // Whoever asks for the exit code hears of a failure.
    const leave = () => this.#ended.resolve();
    this.exitCode.then(leave, leave);
  }

  /** Ends it, when its VM is gone or nobody waits any more. */
  end(): void {
    this.#over.abort();
    this.#ended.resolve();
  }
}

/** An input of no bytes. */
function inputUntil(ended: Promise<void>): AsyncIterable<Uint8Array> {
  return { [Symbol.asyncIterator]: () => ({ next: () => ended.then(() => ({ done: true, value: undefined })) }) };
}
