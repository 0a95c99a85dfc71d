import { errorTable } from "../rpc/contract/errors.ts";
import type { CommandContext } from "./command.ts";

const ctrlC = 130;

/**
 * The exit code of what goes on until a signal: 0 where a person leaves by Ctrl-C what a terminal shows, as with top and watch; else
 * it was interrupted, as `tail -f` is.
 */
export function leftBy({
  interruptCode = errorTable.cancelled.exit,
  json,
  terminal,
}: Pick<CommandContext, "interruptCode" | "json" | "terminal">): number {
  return interruptCode === ctrlC && terminal.interactive && !json ? 0 : interruptCode;
}
