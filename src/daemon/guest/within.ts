import { BangerError } from "../../rpc/contract/errors.ts";

/** What the promise brings; `deadline_exceeded`, which begins with `what`, when that takes longer. */
export async function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const error = new BangerError("deadline_exceeded", `${what} within ${ms / 1000} s`);
  const timer = setTimeout(() => late.reject(error), ms);
  timer.unref();
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
