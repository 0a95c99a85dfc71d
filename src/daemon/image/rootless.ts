import { join } from "node:path";
import type { Run } from "../process/run.ts";

/** A way to make files with any owner without being root: what goes in front of a command that sees or makes them. */
export interface Rootless {
  /** Programs run through this see the owners that earlier ones set. */
  readonly within: readonly string[];
  /** mmdebstrap's own name for it. */
  readonly mode: "unshare" | "fakechroot";
}

/** A user namespace with the owner's subordinate ids where that can be had, else fakeroot. */
export async function chooseRootless(run: Run, scratch: string, signal: AbortSignal): Promise<Rootless> {
  const namespace = ["unshare", "--user", "--map-root-user", "--map-auto"];
  try {
    await run({ file: "true", args: [], within: namespace, signal });
    return { within: namespace, mode: "unshare" };
  } catch {
    signal.throwIfAborted();
    const state = join(scratch, "fakeroot");
    await run({ file: "touch", args: [state], signal });
    return { within: ["fakeroot", "-i", state, "-s", state, "--"], mode: "fakechroot" };
  }
}
