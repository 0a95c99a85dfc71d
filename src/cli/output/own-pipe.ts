import { constants, fstatSync, openSync } from "node:fs";
import { Socket } from "node:net";

/**
 * A standard stream that is a pipe, opened anew (proc_pid_fd(5)). Node makes what it writes to non-blocking, and a pipe's mode is
 * shared: whoever else writes to it would lose what doesn't fit. Undefined where that can't be done, or isn't needed.
 */
export function ownPipe(fd: 1 | 2): NodeJS.WritableStream | undefined {
  try {
    if (!fstatSync(fd).isFIFO()) return undefined;
    const own = openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK);
    return new Socket({ fd: own, readable: false, writable: true });
  } catch {
    // Another user's pipe, no /proc, or its reader has gone already: as Node does it, then.
    return undefined;
  }
}
