import type { helperContract } from "../../rpc/contract/helper.ts";
import type { ParamsOf, ResultOf } from "../../rpc/contract/method.ts";
import type { HelperDeps } from "../deps.ts";
import type { VmFacts } from "../files/facts.ts";
import type { VmmLimits } from "./limits.ts";
import type { VmmFile } from "./vmm-files.ts";

/** What a VM is started with. */
export type StartParams = ParamsOf<typeof helperContract.vmmStart>;

/** What is opened for a VMM: its files, or the mount namespace in which they are opened. */
export type Given = VmmFile | "mounts";

/** How a VMM says that it is there, on a socket of its own. */
export interface Greeting {
  /** What is said to it. */
  readonly say: string;
  /** What its answer holds, among the first 4 KiB. */
  readonly answer: string;
}

/** A kind of VMM: all in which its start isn't any VMM's. */
export interface KindOfVmm {
  /** Its name, in words. */
  readonly title: string;
  /** The span of its starting, and the program that this names. */
  readonly span: string;
  readonly executable: string;
  readonly greeting: Greeting;
  /** Refuses one that greeted and isn't confined as it must be, by its pid. */
  mustBeConfined(pid: number): void;
  /** What is remembered of one beside its process, before anything of its start is done. */
  remembered(params: StartParams): Pick<NonNullable<VmFacts["vmm"]>, "kind" | "volumes">;
  /** Says how a VM's VMM is started on this host, once its run directory is there; throws where that can't be. */
  plan(deps: HelperDeps, known: VmFacts, params: StartParams): Promise<VmmPlan>;
}

/** How one VMM is started. */
export interface VmmPlan {
  /** What it inherits from descriptor 3 on, at most four; its volumes come from 10 on. */
  readonly given: readonly Given[];
  /** It opens its disks by itself, under its own uid, which is then let in; else it has them open. */
  readonly opensDisks: boolean;
  /** The FIFO by which its own words come, where it opens that itself. */
  readonly wordsFifo?: string;
  /** Devices that it opens, beside those that every process may and a root disk that is one. */
  readonly devices: readonly string[];
  /** It makes nodes of its devices, in a jail. */
  readonly makesNodes: boolean;
  /** What is run, as root: it goes into confinement and gives root up. */
  argv(limits: VmmLimits): readonly string[];
  /** The socket on which it greets, in the VM's run directory. */
  readonly socket: string;
  /** Where the owner's daemon finds it. */
  readonly places: Pick<ResultOf<typeof helperContract.vmmStart>, "sockets" | "firecracker">;
}
