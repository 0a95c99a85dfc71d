import { BangerError, errorTable } from "../rpc/contract/errors.ts";
import { printable } from "../rpc/printable.ts";
import { printableLine } from "../rpc/printable.ts";

const lastLines = 50;

/** Prints an error, once, and says the exit code. */
export function reportError(error: unknown, json: boolean, write: (text: string | Uint8Array) => void): number {
  const known = error instanceof BangerError ? error : unforeseen(error);
  const { exit: usual, hint } = errorTable[known.code];
  const exit = typeof known.details?.["exit_code"] === "number" ? known.details["exit_code"] : usual;
  const nextStep = typeof known.details?.["hint"] === "string" ? known.details["hint"] : hint;
  if (json) {
    const { code, plain: message, opId, details } = known;
    const told = {
      code,
      message,
      ...(opId === undefined ? {} : { op_id: opId }),
      hint: nextStep,
      ...(details && { details }),
    };
    write(Buffer.from(`${JSON.stringify({ error: told })}\n`));
    return exit;
  }
  write(`banger: ${printableLine(known.message, " | ")}\n`);
  writeLines("the console's last lines", known.details?.["console"], write);
  writeLines("its last words", known.details?.["stderr"], write);
  const seen = known.code === "internal" ? "" : ` [${known.code}]`;
  write(`${nextStep}${seen}\n`);
  if (process.env["BANGER_DEBUG"] !== undefined && error instanceof Error) write(`${error.stack ?? ""}\n`);
  return exit;
}

function unforeseen(error: unknown): BangerError {
  // Relative paths begin there, and nothing asks before it is needed.
  if ((error as NodeJS.ErrnoException | undefined)?.syscall === "uv_cwd") {
    return new BangerError("usage", "the working directory was removed; change to another", {
      cause: error,
      details: { hint: "`cd` to a directory that is there." },
    });
  }
  return new BangerError("internal", error instanceof Error ? error.message : String(error), { cause: error });
}

/** Some text of a guest's or a program's, when there is more than the error's own line. */
function writeLines(title: string, text: unknown, write: (text: string) => void): void {
  if (typeof text !== "string") return;
  const lines = printable(text).trimEnd().split("\n").slice(-lastLines);
  if (text !== "") write(`${title}:\n${lines.map((line) => `  | ${line}\n`).join("")}`);
}
