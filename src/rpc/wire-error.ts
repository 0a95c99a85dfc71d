import { isOpId } from "../telemetry/op-id.ts";
import { BangerError, isErrorCode } from "./contract/errors.ts";
import { printable } from "./printable.ts";

/** A message is a line or a few; a peer that says more is cut short. */
const maxMessageLength = 8_192;

/** What this side threw, as an error of the table. */
export function errorFrom(thrown: unknown): BangerError {
  if (thrown instanceof BangerError) return thrown;
  return new BangerError("internal", thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown });
}

/** The peer's error as ours; a code that this side doesn't know is `internal`, its own code kept in the text. */
export function errorOf(error: unknown): BangerError {
  const wire = (typeof error === "object" && error !== null ? error : {}) as Record<string, unknown>;
  const code = typeof wire["code"] === "string" ? printable(wire["code"].slice(0, 80)) : "internal";
  const message =
    typeof wire["message"] === "string"
      ? printable(wire["message"].slice(0, maxMessageLength))
      : "the peer gave no reason";
  const details = detailsOf(wire["details"]);
  return new BangerError(isErrorCode(code) ? code : "internal", isErrorCode(code) ? message : `${code}: ${message}`, {
    ...(isOpId(wire["op_id"]) ? { opId: wire["op_id"] } : {}),
    ...(details === undefined ? {} : { details }),
  });
}

/** The facts of an error; an exit code that no process can end with is none. */
function detailsOf(details: unknown): Record<string, unknown> | undefined {
  if (typeof details !== "object" || details === null || Array.isArray(details)) return undefined;
  const { exit_code: exitCode, ...others } = details as Record<string, unknown>;
  const possible = typeof exitCode === "number" && Number.isInteger(exitCode) && exitCode >= 0 && exitCode <= 255;
  return possible ? { ...others, exit_code: exitCode } : others;
}
