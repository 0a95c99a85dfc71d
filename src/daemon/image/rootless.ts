import { join } from "node:path";
import type { Run } from "../process/run.ts";

/** A way to make files with any owner without being root: what goes in front of a command that sees or makes them. */
export interface Rootless {
  /** Programs run through this see the owners that earlier ones set. */
  readonly within: readonly string[];
  /** mmdebstrap's own name for it. */
  readonly mode: "unshare" | "fakechroot";
}

/** What runs in it ends with the daemon, however that ends, so that nothing writes on into what a new daemon removes. */
const endsWithDaemon = ["setpriv", "--pdeathsig", "KILL", "--"];

/** A user namespace of the owner's, with its subordinate ids. To enter it takes away what was set before: it is set within. */
export const ownNamespace = ["unshare", "--user", "--map-root-user", "--map-auto", ...endsWithDaemon];

/** A user namespace with the owner's subordinate ids where that can be had, else fakeroot. */
export async function chooseRootless(run: Run, scratch: string, signal: AbortSignal): Promise<Rootless> {
  // A host that can't is no failure: the shell tells, and ends well either way.
  const question = `${ownNamespace.join(" ")} true >/dev/null 2>&1 && echo yes; true`;
  const { stdout } = await run({ file: "sh", args: ["-c", question], signal });
  if (stdout.trim() === "yes") return { within: ownNamespace, mode: "unshare" };
  const state = join(scratch, "fakeroot");
  await run({ file: "touch", args: [state], signal });
  return {
    within: [...endsWithDaemon, "fakeroot", "-i", state, "-s", state, "--", ...endsWithDaemon],
    mode: "fakechroot",
  };
}
