import { join } from "node:path";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { Run } from "../process/run.ts";

/** A way to make files with any owner without being root: what goes in front of a command that sees or makes them. */
export interface Rootless {
  /** Programs run through this see the owners that earlier ones set. */
  readonly within: readonly string[];
  /** mmdebstrap's own name for it. */
  readonly mode: "unshare" | "fakechroot";
}

/** What is to be made. */
export interface RootlessNeeds {
  /** The highest owner or group. */
  readonly highestId: number;
  /** True for device nodes, which no namespace lets an owner make. */
  readonly devices: boolean;
}

/** What runs in it ends with the daemon, however that ends, so that nothing writes on into what a new daemon removes. */
const endsWithDaemon = ["setpriv", "--pdeathsig", "KILL", "--"];

/**
 * Makes the shell that fakeroot is the parent of what is orphaned below it (prctl(2), PR_SET_CHILD_SUBREAPER, which a program that
 * is executed keeps): it waits for its daemon's end, for ever where that is left to a first process that reaps nobody.
 */
const reaping = ["perl", "-e", "syscall(157, 36, 1, 0, 0, 0); exec @ARGV"];

/** A user namespace of the owner's, with its subordinate ids. To enter it takes away what was set before: it is set within. */
export const ownNamespace = ["unshare", "--user", "--map-root-user", "--map-auto", ...endsWithDaemon];

/** A user namespace with the owner's subordinate ids where that can be had and is enough, else fakeroot. */
export async function chooseRootless(
  run: Run,
  scratch: string,
  signal: AbortSignal,
  { highestId, devices }: RootlessNeeds = { highestId: 0, devices: false },
): Promise<Rootless> {
  // A host that can't is no failure: the shell tells, and ends well either way.
  const question = `${ownNamespace.join(" ")} cat /proc/self/uid_map /proc/self/gid_map 2>/dev/null; echo --; command -v fakeroot; echo --; command -v perl; true`;
  const { stdout } = await run({ file: "sh", args: ["-c", question], signal, ownUnit: true });
  const [maps = "", fakeroot = "", perl = ""] = stdout.split("--\n");
  if (maps.trim() !== "" && !devices && hasIds(maps, highestId)) return { within: ownNamespace, mode: "unshare" };
  if (fakeroot.trim() === "") throw withoutFakeroot(maps.trim() === "", { highestId, devices });
  const state = join(scratch, "fakeroot");
  await run({ file: "touch", args: [state], signal });
  return {
    within: [
      ...endsWithDaemon,
      ...(perl.trim() === "" ? [] : reaping),
      "fakeroot",
      "-i",
      state,
      "-s",
      state,
      "--",
      ...endsWithDaemon,
    ],
    mode: "fakechroot",
  };
}

/** True where both maps (proc_pid_uid_map, user_namespaces(7)) hold an id; one without ranges for each can only be short. */
function hasIds(maps: string, highest: number): boolean {
  const ranges = maps
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number));
  return ranges.filter(([first = 0, , count = 0]) => first <= highest && highest < first + count).length >= 2;
}

function withoutFakeroot(noNamespace: boolean, { highestId, devices }: RootlessNeeds): BangerError {
  const why = noNamespace
    ? "the owner has no subordinate ids for a user namespace (/etc/subuid, newuidmap)"
    : devices
      ? "there are device nodes, which a user namespace can't make"
      : `there is an owner ${highestId}, which is beyond the owner's subordinate ids`;
  return new BangerError(
    "missing_tool",
    `fakeroot is not installed, and ${why}; Debian has it in the package fakeroot`,
  );
}
