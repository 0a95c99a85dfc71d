import { BangerError, isErrorCode } from "./contract/errors.ts";

/** What this side threw, as an error of the table. */
export function errorFrom(thrown: unknown): BangerError {
  if (thrown instanceof BangerError) return thrown;
  return new BangerError("internal", thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown });
}

/** The peer's error as ours; a code that this side doesn't know is `internal`, its own code kept in the text. */
export function errorOf(error: unknown): BangerError {
  const wire = (typeof error === "object" && error !== null ? error : {}) as Record<string, unknown>;
  const code = typeof wire["code"] === "string" ? wire["code"] : "internal";
  const message = typeof wire["message"] === "string" ? wire["message"] : "the peer gave no reason";
  const details = wire["details"];
  return new BangerError(isErrorCode(code) ? code : "internal", isErrorCode(code) ? message : `${code}: ${message}`, {
    ...(typeof wire["op_id"] === "string" ? { opId: wire["op_id"] } : {}),
    ...(typeof details === "object" && details !== null ? { details: details as Record<string, unknown> } : {}),
  });
}
