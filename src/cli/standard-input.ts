import { fstatSync } from "node:fs";
import { BangerError } from "../rpc/contract/errors.ts";

/** Standard input; what can't be read is an error, never an end. */
export async function* readStandardInput(): AsyncGenerator<Uint8Array> {
  // Node takes a directory for an input without bytes.
  if (fstatSync(0).isDirectory()) throw unreadable("EISDIR");
  try {
    for await (const chunk of process.stdin) yield chunk as Uint8Array;
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw unreadable(code ?? message, cause);
  }
}

function unreadable(why: string, cause?: unknown): BangerError {
  return new BangerError("bad_params", `stdin: standard input can't be read: ${why}`, {
    cause,
    details: { field: "stdin", hint: "Give it a file, a pipe or a terminal." },
  });
}
