import { openSync } from "node:fs";
import { KernelError, type Libc } from "../kernel/libc.ts";

/**
 * Makes sure that no other helper serves this installation. The lock is the kernel's and ends with the process: its descriptor is
 * closed on exec, so no VMM has it.
 */
export function beOnlyHelper(libc: Pick<Libc, "lock">, path: string): void {
  const fd = openSync(path, "a", 0o600);
  try {
    libc.lock(fd);
  } catch (cause) {
    if (!(cause instanceof KernelError) || cause.code !== "EAGAIN") throw cause;
    throw new Error(`another bangerd-root serves this installation already (${path} is locked)`, { cause });
  }
}
