import type { Finding } from "../../rpc/contract/finding.ts";
import type { Made, Part, Starting } from "../vm/parts/part.ts";
import type { StoredVm } from "../vm/vm-records.ts";

/** A question to the host that `doctor` asks; it changes nothing. */
export interface DoctorCheck {
  /** `dns.routing`. */
  readonly name: string;
  readonly run: (signal: AbortSignal) => Promise<readonly Finding[]>;
}

/**
 * What a VM gets from the host beyond CPU, memory and root disk. A VM's mutations call the hooks of each, in the list's order; a
 * capability knows nothing of those, and reaches nothing but what it was made with.
 */
export interface Capability {
  /** Of its steps: `dns`. */
  readonly name: string;
  /** Before a start has made or recorded anything: everything that is missing. It changes nothing. */
  readonly startPreflight?: (vm: StoredVm, signal: AbortSignal) => Promise<readonly Finding[]>;
  /** When the VM has its tap and its VMM isn't started yet. What it makes, `cleanup` takes away. */
  readonly prepareHost?: (starting: Starting, signal: AbortSignal) => Promise<void>;
  /** When a command runs in the guest. What it makes, `cleanup` takes away. */
  readonly postStart?: (starting: Starting, signal: AbortSignal) => Promise<void>;
  /** Makes sure that what a start of this generation or an older one made is gone, whether it was ever there or not; or why nothing has to. */
  readonly cleanup: ((made: Made) => Promise<void>) | { readonly none: string };
  /** Of all that the helper holds, what is of this kind. */
  readonly found?: Part["found"];
  /** After a VM's record was changed, under its lock: makes it so, on a VM that runs too; or says that it waits for the next start. */
  readonly applyConfigChange?: (before: StoredVm, after: StoredVm, signal: AbortSignal) => Promise<Applied>;
  /** What `doctor` looks at. */
  readonly doctorChecks?: readonly DoctorCheck[];
}

/** What became of a change: it is so now (or doesn't concern this capability), or these of a VM's fields are so from the next start on. */
export type Applied = { readonly waits: readonly string[] };
