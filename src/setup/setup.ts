import type { Installation } from "../installation/install-file.ts";
import { enabledUnits, type UnitFile, unitFiles, type UnitOptions } from "../installation/units.ts";
import type { SetupDeps } from "./deps.ts";
import { readIfThere } from "./host/durable-file.ts";
import type { Found } from "./found.ts";
import type { Tree } from "./package/tree.ts";
import type { User } from "./host/users.ts";

/** What is to be on this host when all steps are taken. */
export interface Setup {
  readonly deps: SetupDeps;
  readonly found: Found;
  readonly owner: User;
  readonly installation: Installation;
  readonly pack: Tree;
  /** The version that ran before; undefined for the first. */
  readonly before: Tree | undefined;
  readonly units: readonly UnitFile[];
  /** What was written, by the steps: what runs of it has to start anew. */
  readonly copied: { tree: boolean };
}

/** The two services and the sockets, in the order in which they are stopped. */
export const services = ["bangerd.service", "bangerd-root.service"] as const;
export const sockets: readonly string[] = enabledUnits.filter((unit) => unit.endsWith(".socket"));

/** The units of an installation, by templates. */
export function unitsOf(
  { places }: Pick<SetupDeps, "places">,
  installation: Installation,
  owner: User,
  template: UnitOptions["template"],
): UnitFile[] {
  return unitFiles({ installation, config: places.configName, owner, root: places.currentName, template });
}

/** True where the file of a unit is as it is to be. */
export function isInPlace({ places }: SetupDeps, unit: UnitFile): boolean {
  const there = readIfThere(places.at(unit.path));
  return there !== undefined && there.text === unit.text && there.mode === unit.mode;
}
