import { BangerError } from "../../rpc/contract/errors.ts";

/** Does `work` and then, however that ends, `cleanup`. Where both fail the first is the reason, and the second is said beside it. */
export async function withCleanup<T>(work: () => Promise<T>, cleanup: () => Promise<void>): Promise<T> {
  let result: T;
  try {
    result = await work();
  } catch (cause) {
    await cleanup().catch((failure: unknown) => {
      throw besideCause(cause, failure);
    });
    throw cause;
  }
  await cleanup();
  return result;
}

function besideCause(cause: unknown, failure: unknown): unknown {
  const left = textOf(failure);
  if (!(cause instanceof BangerError))
    return new AggregateError([cause, failure], `${textOf(cause)}; left behind: ${left}`);
  return new BangerError(cause.code, `${cause.plain}; left behind: ${left}`, {
    cause,
    details: { ...cause.details, left_behind: left },
  });
}

function textOf(error: unknown): string {
  if (error instanceof BangerError) return error.plain;
  return error instanceof Error ? error.message : String(error);
}
