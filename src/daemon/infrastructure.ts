import type { Installation } from "../installation/install-file.ts";
import type { Layout } from "../installation/layout.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Spans } from "../telemetry/spans.ts";
import type { Capability } from "./capability/capability.ts";
import type { RoomOf } from "./disk/room.ts";
import type { HelperLink } from "./helper/helper-link.ts";
import type { ForeignRecords } from "./log/foreign-records.ts";
import type { StepRunner } from "./step/step-runner.ts";
import type { TraceStore } from "./trace/trace-store.ts";
import type { HostMemory } from "./vm/admission.ts";
import type { ExitReaderDeps } from "./vm/lifecycle/exit.ts";
import type { Store } from "./store/store.ts";
import type { VmmProbesDeps } from "./vmm/vmm-probes.ts";

/** What the services stand on. */
export interface Infrastructure {
  readonly installation: Installation;
  readonly layout: Layout;
  readonly database: Store;
  readonly traces: TraceStore;
  readonly spans: Spans;
  readonly log: Logger;
  /** Keeps what other processes logged. */
  readonly foreign: ForeignRecords;
  readonly now: () => Date;
  /** Milliseconds by a clock that nobody sets, that stands still while the host sleeps, and that begins with the host's boot. */
  readonly uptimeMs: () => number;
  /** Which run of the host this is (proc(5), /proc/sys/kernel/random/boot_id). */
  readonly bootId: string;
  /** The directory of `init` and `banger-agent`. */
  readonly guestPrograms: string;
  /** The program that has a command run in a unit of its own. */
  readonly ownUnit?: string | undefined;
  /** The owner's config file, whether there is one or not; undefined where the owner has no home. */
  readonly configPath: string | undefined;
  /** The owner's home; undefined where passwd has none. */
  readonly ownerHome: string | undefined;
  /** Where this installation's SSH key and known_hosts are to lie; undefined where the owner has no home. */
  readonly ownerState: string | undefined;
  /** What a test puts in place of what is made here. */
  readonly preinstalled?: {
    readonly steps?: (made: StepRunner) => StepRunner;
    readonly helper?: HelperLink;
    readonly memory?: HostMemory;
    readonly roomOf?: RoomOf;
    readonly firecrackerPlaces?: VmmProbesDeps["places"];
    readonly links?: () => { has(name: string): boolean };
    readonly processes?: ExitReaderDeps["processes"];
    /** After those of the list. */
    readonly capabilities?: readonly Capability[];
  };
}
