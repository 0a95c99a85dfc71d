import type { BangerError } from "../../rpc/contract/errors.ts";
import type { Answer, SetupDeps } from "../deps.ts";
import type { Found } from "../found.ts";
import type { Drift } from "../package/tree.ts";
import type { UnitState } from "../service/systemd.ts";

/** Something that isn't as it should be, with the next step. */
export interface Trouble {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

/** What came of asking the daemon. */
export interface Asked {
  readonly answer: Answer | undefined;
  readonly error: BangerError | undefined;
}

/** What was looked at. */
export interface Seen {
  readonly deps: SetupDeps;
  readonly found: Found;
  readonly units: readonly UnitState[];
  readonly asked: Asked | undefined;
  readonly drift: readonly Drift[];
  readonly vmms: number;
  /** Why services that are down ended, by unit, as far as the caller may read that. */
  readonly words: Readonly<Record<string, string | undefined>>;
}
