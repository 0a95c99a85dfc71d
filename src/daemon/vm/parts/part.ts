import type { helperContract } from "../../../rpc/contract/helper.ts";
import type { ResultOf } from "../../../rpc/contract/method.ts";
import type { Warning } from "../../../rpc/contract/warning.ts";
import type { AttributeValue } from "../../../telemetry/span-record.ts";
import type { Accelerator } from "../../vmm/driver.ts";
import type { StoredVm } from "../vm-records.ts";

/** A start under way. */
export interface Starting {
  readonly vm: StoredVm;
  /** How its instructions are to be run; undefined where that is for its VMM's driver to find out. */
  readonly accelerator?: Accelerator | undefined;
  /** When the VMM was started. */
  launchedAt: Date;
  /** Tells what will trouble the guest, though it runs. */
  readonly warn: (warning: Warning) => void;
}

/** What of a VM is meant: what its start of this generation made, or one before it. */
export interface Made {
  readonly id: string;
  readonly generation: number;
}

/** Everything that the helper knows of this installation's VMs. */
export type Held = ResultOf<typeof helperContract.vmmList>;

/** Something of a VM's that is held. */
export interface HeldPart extends Made {
  /** What it is, where that isn't the part's own name. */
  readonly what?: string;
}

/** Something that a running VM holds on the host. It knows how to make it, to take it away, and to find it. */
export interface Part {
  /** The name of its step. */
  readonly name: string;
  /** What of a VM's it acts on, for spans, where none below says so. */
  readonly on?: (vmId: string) => Record<string, AttributeValue>;
  readonly acquire: (starting: Starting, signal: AbortSignal) => Promise<void>;
  /** Whether a start of this VM has it; always, where it isn't said. */
  readonly wanted?: (vm: StoredVm) => boolean;
  /** Makes sure that it is gone, whether it was ever there or not; never what a newer generation made. Or why nothing has to. */
  readonly release: ((made: Made) => Promise<void>) | { readonly none: string };
  /** Of all that is held, what is of this kind. */
  readonly found?: (held: Held) => readonly HeldPart[];
}
