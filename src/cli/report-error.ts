import { BangerError, errorTable } from "../rpc/contract/errors.ts";

/** Prints an error, once, and says the exit code. */
export function reportError(error: unknown, json: boolean, write: (text: string) => void): number {
  const known =
    error instanceof BangerError
      ? error
      : new BangerError("internal", error instanceof Error ? error.message : String(error), { cause: error });
  const { exit, hint } = errorTable[known.code];
  const nextStep = typeof known.details?.["hint"] === "string" ? known.details["hint"] : hint;
  if (json) {
    const { code, plain: message, opId, details } = known;
    write(
      `${JSON.stringify({ error: { code, message, ...(opId === undefined ? {} : { op_id: opId }), hint: nextStep, ...(details === undefined ? {} : { details }) } })}\n`,
    );
    return exit;
  }
  write(`banger: ${known.message}\n`);
  const console = known.details?.["console"];
  if (typeof console === "string" && console !== "") {
    write(`the console's last lines:\n${console.replace(/^/gm, "  | ")}\n`);
  }
  const seen = known.code === "internal" ? "" : ` [${known.code}]`;
  write(`${nextStep}${seen}\n`);
  if (process.env["BANGER_DEBUG"] !== undefined && error instanceof Error) write(`${error.stack ?? ""}\n`);
  return exit;
}
