import { BangerError } from "../../rpc/contract/errors.ts";

/** What was looked for, or why it isn't known. */
export type Known<T> = { readonly is: T; readonly why?: undefined } | { readonly is?: undefined; readonly why: string };

/** What `look` finds; what fails, or finds nothing, isn't known. */
export async function known<T>(look: () => Promise<T | undefined>, nothing: string): Promise<Known<T>> {
  try {
    const found = await look();
    return found === undefined ? { why: nothing } : { is: found };
  } catch (error) {
    return { why: error instanceof BangerError ? error.plain : String(error) };
  }
}
