import { isUtf8 } from "node:buffer";
import { readFileSync } from "node:fs";
import { BangerError } from "../rpc/contract/errors.ts";

/** What Node puts in the place of bytes that are not UTF-8. */
const replacement = "\ufffd";

/** Refuses arguments that are not UTF-8: Node has changed them already, and a command in a guest would get something else than was typed. */
export function refuseChangedArguments(argv: readonly string[]): void {
  const changed = argv.find((argument) => argument.includes(replacement));
  // The character itself may be meant; the kernel has what was typed (proc_pid_cmdline(5)).
  if (changed === undefined || isUtf8(readFileSync("/proc/self/cmdline"))) return;
  throw new BangerError("usage", `the argument ${JSON.stringify(changed.slice(0, 80))} is not UTF-8`, {
    details: { hint: "Pass such bytes by standard input: `banger vm exec -i`." },
  });
}
