import type { Installation } from "../installation/install-file.ts";
import type { StepDeps } from "./steps.ts";
import type { Places } from "./host/places.ts";
import type { Run } from "./host/run-program.ts";
import type { Systemd } from "./service/systemd.ts";

/** What a daemon says of itself and of the helper that it reaches. */
export interface Answer {
  readonly version: string;
  readonly pid: number;
  /** Null where it reaches none, or one that says no version. */
  readonly helperVersion: string | null;
  readonly helperError?: string;
}

/** A VM, as far as it matters to who installs and removes. */
export interface VmFact {
  readonly id: string;
  readonly name: string;
  readonly state: string;
}

/** The daemon of an installation, asked with its owner's rights. Each throws `daemon_unavailable` where none answers. */
export interface DaemonLink {
  readonly ping: () => Promise<Answer>;
  readonly vms: () => Promise<VmFact[]>;
  /** The same, with the time that a stop has: whoever isn't heard in it has its guests killed. */
  readonly vmsToStop: () => Promise<VmFact[]>;
  readonly stopVm: (id: string) => Promise<void>;
  readonly networkDown: () => Promise<void>;
}

/** What the system commands are given of the world; a test gives another root, another systemctl and another daemon. */
export interface SetupDeps extends StepDeps {
  readonly places: Places;
  readonly run: Run;
  readonly systemd: Systemd;
  readonly daemonOf: (installation: Installation, config: string) => DaemonLink;
  /** The text of /proc/net/route. */
  readonly routes: () => string;
  /** The package that this program is a part of. */
  readonly packageRoot: string;
  readonly opId: string;
  readonly now: () => Date;
  readonly note: (text: string) => void;
  /** How long both services have to answer. */
  readonly readyMs: number;
}
