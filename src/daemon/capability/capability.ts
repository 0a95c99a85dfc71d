import type { Finding } from "../../rpc/contract/finding.ts";
import type { helperContract } from "../../rpc/contract/helper.ts";
import type { ResultOf } from "../../rpc/contract/method.ts";
import type { Made, Part, Starting } from "../vm/parts/part.ts";
import type { StoredVm } from "../vm/vm-records.ts";

/** A question to the host that `doctor` asks; it changes nothing. */
export interface DoctorCheck {
  /** `dns.routing`. */
  readonly name: string;
  readonly run: (signal: AbortSignal) => Promise<readonly Finding[]>;
}

/** A check that also says what is so, whether anything is wrong or not. */
export interface SayingCheck {
  readonly name: string;
  readonly run: (signal: AbortSignal) => Promise<readonly Finding[] | Said>;
}

/** What such a check found, and what it says. */
export interface Said {
  readonly findings: readonly Finding[];
  readonly says: string;
}

/** What the helper sees of the host before a start; undefined where it is older than that question. */
export type HostSeen = ResultOf<typeof helperContract.hostLook> | undefined;

/**
 * What a VM gets from the host beyond CPU, memory and root disk. A VM's mutations call the hooks of each, in the list's order; a
 * capability knows nothing of those, and reaches nothing but what it was made with.
 */
export interface Capability {
  /** Of its steps: `dns`. */
  readonly name: string;
  /** Before a start has made or recorded anything: everything that is missing. It changes nothing. */
  readonly startPreflight?: (vm: StoredVm, seen: HostSeen, signal: AbortSignal) => Promise<readonly Finding[]>;
  /** When the VM has its tap and its VMM isn't started yet. What it makes, `cleanup` takes away. */
  readonly prepareHost?: (starting: Starting, signal: AbortSignal) => Promise<void>;
  /** When a command runs in the guest. What it makes, `cleanup` takes away; what isn't worth failing a start for it warns of. */
  readonly postStart?: (starting: Starting, signal: AbortSignal) => Promise<void>;
  /** Whether a start has anything for `postStart` to do; always, where it isn't said. */
  readonly postStartWanted?: (vm: StoredVm) => boolean;
  /** Makes sure that what a start of this generation or an older one made is gone, whether it was ever there or not; or why nothing has to. */
  readonly cleanup: ((made: Made) => Promise<void>) | { readonly none: string };
  /** Of all that the helper holds, what is of this kind. */
  readonly found?: Part["found"];
  /**
   * After a VM's record was changed, under its lock: makes the change so on a VM that runs, and says which fields are so now; the
   * others wait for its next start. `before` is what runs, whatever waited already.
   */
  readonly applyConfigChange?: (before: StoredVm, after: StoredVm, signal: AbortSignal) => Promise<Applied>;
  /** What `doctor` looks at. */
  readonly doctorChecks?: readonly DoctorCheck[];
}

/** The fields that are now, also on a VM that runs, as its record says. */
export type Applied = { readonly applied: readonly "network"[] };
