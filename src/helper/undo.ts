import { BangerError } from "../rpc/contract/errors.ts";

/** Undoes what failed half-way and throws why it failed; what the undo itself couldn't is said beside it, never instead. */
export async function undoneFor(cause: unknown, undo: () => Promise<unknown>): Promise<never> {
  try {
    await undo();
  } catch (also) {
    const code = cause instanceof BangerError ? cause.code : "internal";
    throw new BangerError(code, `${text(cause)}; and it could not be undone: ${text(also)}`, { cause });
  }
  throw cause;
}

function text(error: unknown): string {
  if (error instanceof BangerError) return error.plain;
  return error instanceof Error ? error.message : String(error);
}
