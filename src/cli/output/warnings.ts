import type { Warning } from "../../rpc/contract/warning.ts";
import { printable } from "../../rpc/printable.ts";

/** Tells what will trouble the caller although the operation was done; an older daemon tells nothing. */
export function tellWarnings(
  { warnings = [] }: { readonly warnings?: readonly Warning[] | undefined },
  note: (text: string) => void,
): void {
  for (const { message, hint } of warnings) note(`! ${printable(message)}\n  ${printable(hint)}`);
}
