import type { helperContract } from "../../../rpc/contract/helper.ts";
import type { ResultOf } from "../../../rpc/contract/method.ts";
import type { StoredVm } from "../vm-records.ts";

/** A start under way. */
export interface Starting {
  readonly vm: StoredVm;
  /** When the VMM was started. */
  launchedAt: Date;
}

/** What of a VM is meant: what its start of this generation made, or one before it. */
export interface Made {
  readonly id: string;
  readonly generation: number;
}

/** Everything that the helper knows of this installation's VMs. */
export type Held = ResultOf<typeof helperContract.vmmList>;

/** Something that a running VM holds on the host. It knows how to make it, to take it away, and to find it. */
export interface Part {
  /** The name of its step. */
  readonly name: string;
  readonly acquire: (starting: Starting, signal: AbortSignal) => Promise<void>;
  /** Makes sure that it is gone, whether it was ever there or not; never what a newer generation made. Or why nothing has to. */
  readonly release: ((made: Made) => Promise<void>) | { readonly none: string };
  /** Of all that is held, what is of this kind. */
  readonly found?: (held: Held) => readonly Made[];
}
