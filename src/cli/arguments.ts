import { readFileSync } from "node:fs";
import { BangerError } from "../rpc/contract/errors.ts";
import { textOfBytes } from "../rpc/byte-text.ts";

/** What Node puts in the place of bytes that are not UTF-8. */
const replacement = "\ufffd";

/** The arguments as they were typed (proc_pid_cmdline(5)): bytes that are not UTF-8 as `textOfBytes` has them. */
export function exactArguments(argv: readonly string[]): readonly string[] {
  if (!argv.some((argument) => argument.includes(replacement))) return argv;
  const typed = stringsOf("/proc/self/cmdline").slice(-argv.length);
  return typed.length === argv.length ? typed.map(textOfBytes) : argv;
}

/** A variable of the environment, exactly (proc_pid_environ(5)); undefined when it is not set. */
export function exactVariable(name: string): string | undefined {
  const value = process.env[name];
  if (!value?.includes(replacement)) return value;
  const given = stringsOf("/proc/self/environ").find((entry) => entry.indexOf(`${name}=`) === 0);
  return given === undefined ? value : textOfBytes(given.subarray(name.length + 1));
}

/** Refuses an argument that is not UTF-8, where it would be part of the host's own words: a name, or a path in a message. */
export function mustBeUtf8(argv: readonly string[]): void {
  const odd = argv.find((argument) => !argument.isWellFormed());
  if (odd === undefined) return;
  throw new BangerError("usage", `the argument ${JSON.stringify(odd.slice(0, 80))} is not UTF-8`, {
    details: {
      hint: "Only what a guest is given may be: a command, its environment and directory, and paths of `vm cp`.",
    },
  });
}

/** The strings of a file of the kernel's in which each ends with a NUL. */
function stringsOf(path: string): Buffer[] {
  const bytes = readFileSync(path);
  const strings: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(0, at);
    strings.push(bytes.subarray(at, end === -1 ? bytes.length : end));
    at = end === -1 ? bytes.length : end + 1;
  }
  return strings;
}
