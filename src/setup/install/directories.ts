import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import type { Installation } from "../../installation/install-file.ts";
import { BangerError } from "../../rpc/contract/errors.ts";
import { isThere, removeIfEmpty } from "../host/durable-file.ts";
import type { Places } from "../host/places.ts";
import { isRoots, removeWithin } from "../host/remove-within.ts";
import { mustRun } from "../host/run-program.ts";
import type { User } from "../host/users.ts";
import type { Setup } from "../setup.ts";
import type { Step } from "../steps.ts";

/** Refuses to make directories above an installation's in one that isn't root's: they would be root's, in which systemd makes none of the owner's. */
export function mustBeRootsAbove(places: Places, installation: Installation, owner: User): void {
  for (const path of directoriesOf(places, installation)) {
    const above = missingAbove(path);
    const outermost = above.at(-1);
    if (outermost === undefined || isRoots(dirname(outermost))) continue;
    throw new BangerError("not_ready", `${above[0]} isn't there, and ${dirname(outermost)} isn't root's`, {
      details: { hint: `Make it first: \`sudo -u ${owner.name} mkdir -p ${above[0]}\`; nothing was changed.` },
    });
  }
}

/** The owner's directories and root's, by systemd's own rules for them. */
export function directoriesStep({ deps, installation }: Setup): Step {
  const { places, run } = deps;
  const missing = () => directoriesOf(places, installation).filter((path) => !isThere(path));
  const made = missing();
  const madeAbove = made.flatMap(missingAbove);
  return {
    name: "directories",
    plan: () => missing().map((path) => `make ${path}`),
    do: async () => {
      for (const path of missing()) mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
      await mustRun(run, "/usr/bin/systemd-tmpfiles", ["--create", places.at("/etc/tmpfiles.d/banger.conf")]);
    },
    // What a daemon has put there since is of an installation that isn't to be.
    undo: async () => {
      for (const path of made) await removeWithin(run, path, installation);
      for (const path of madeAbove.toSorted((one, other) => other.length - one.length)) removeIfEmpty(path);
    },
  };
}

function directoriesOf(places: Places, { stateDir, runDir, helperRunDir }: Installation): string[] {
  return [stateDir, runDir, helperRunDir].map((path) => places.at(path));
}

/** Directories above a path that aren't there, innermost first. */
function missingAbove(path: string): string[] {
  const parent = dirname(path);
  return isThere(parent) ? [] : [parent, ...missingAbove(parent)];
}
