import { BangerError } from "../rpc/contract/errors.ts";
import type { Command } from "./command.ts";

/** A command line that means nothing; `about` is what its `--help` is asked of. */
export function usage(message: string, about = ""): BangerError {
  return new BangerError("usage", message, {
    details: { hint: `\`banger ${about === "" ? "" : `${about} `}--help\` shows what there is.` },
  });
}

/** A command as it is typed. */
export function title(command: Command): string {
  return `${command.noun} ${command.verb}`;
}

/** The error of a command, which says whose it is; that of a method, or of a command whose noun is all of its name, does already. */
export function ofThis(error: BangerError, command: Command): BangerError {
  const isNamed = /^[a-z]+\.[a-z_.]+: /.test(error.plain) || error.plain.startsWith(`${command.noun}: `);
  return isNamed ? error : error.inOperation(title(command));
}

/** What was typed, for a message. */
export function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}

/** A word as it was typed, where it can be shown so. */
export function plain(text: string): string {
  return /^[!-~]{1,80}$/.test(text) ? text : quoted(text);
}
