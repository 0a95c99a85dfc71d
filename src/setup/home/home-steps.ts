import { lstatSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Installation } from "../../installation/install-file.ts";
import { asOwner, type Identity } from "../host/as-owner.ts";
import type { SetupDeps } from "../deps.ts";
import { isThere } from "../host/durable-file.ts";
import {
  directoryIn,
  draftsIn,
  emptyIn,
  isInHome,
  isLeftIn,
  makeIn,
  removeDrafts,
  removeFrom,
  whyNotMadeIn,
} from "./home-directory.ts";
import type { Setup } from "../setup.ts";
import type { Step } from "../steps.ts";
import { findUser } from "../host/users.ts";

/**
 * The directory that the daemon keeps for the owner's ssh: it is there before the daemon's unit starts, which can write it only then.
 * In a home nothing is done but with its owner's rights.
 */
export function homeStep(setup: Setup): Step {
  const { deps, owner } = setup;
  const home = deps.places.at(owner.home);
  const identity = { ownerUid: owner.uid, ownerGid: owner.gid };
  let isMade = false;
  return {
    name: "home",
    plan: () => homePlan(setup),
    do: () => {
      try {
        asOwner(identity, () => makeIn(home));
        isMade = true;
      } catch (error) {
        deps.note(cantBeMade(home, (error as Error).message));
      }
    },
    undo: () => {
      if (!isMade) return;
      asOwner(identity, () => {
        // What a daemon has put there since is of an installation that isn't to be.
        emptyIn(home);
        removeFrom(home);
      });
    },
  };
}

/** Whether there is something to make that can be. Without a home, or in one that isn't his, the state has it. */
export function homePlan(setup: Setup): string[] {
  const { home, isMissing, whyNot } = lookAtHome(setup);
  return isMissing && whyNot === undefined ? [`make ${directoryIn(home)}`] : [];
}

/** Says so where it can't be made, which is no work for a step: each run would have it to do again. */
export function tellOfHome(setup: Setup): void {
  const { home, whyNot } = lookAtHome(setup);
  if (whyNot !== undefined) setup.deps.note(cantBeMade(home, whyNot));
}

function lookAtHome({ deps, owner }: Setup): { home: string; isMissing: boolean; whyNot: string | undefined } {
  const home = deps.places.at(owner.home);
  return asOwner({ ownerUid: owner.uid, ownerGid: owner.gid }, () => {
    const isMissing = isOwners(home, owner.uid) && !isInHome(home);
    return { home, isMissing, whyNot: isMissing ? whyNotMadeIn(home) : undefined };
  });
}

function cantBeMade(home: string, why: string): string {
  return `${directoryIn(home)} can't be made (${why}): the SSH key is kept in the state instead`;
}

/**
 * With a purge, what an installation has in its owner's home; with the last one go the directories that were made for it, where nothing is left
 * in them. Without, only what was begun there and never ended.
 */
export function emptyHomeStep(deps: SetupDeps, installation: Installation, purge: boolean): Step {
  const identity: Identity = installation;
  const find = async () => {
    const owner = await findUser(deps.run, String(installation.ownerUid));
    if (owner === undefined) return undefined;
    const home = deps.places.at(owner.home);
    return { home, own: join(directoryIn(home), installation.id) };
  };
  return {
    name: "home",
    plan: async () => {
      const found = await find();
      if (found === undefined) return [];
      const { home, own } = found;
      return asOwner(identity, () => {
        const what = isThere(own, false) ? [own] : isLeftIn(home) ? [directoryIn(home)] : [];
        return [...(purge ? what : []), ...draftsIn(home)].map((path) => `remove ${path}`);
      });
    },
    do: async () => {
      const found = await find();
      if (found === undefined) return;
      const { home, own } = found;
      asOwner(identity, () => {
        if (!purge) return removeDrafts(home);
        rmSync(own, { recursive: true, force: true });
        removeFrom(home);
      });
    },
    undo: { none: "what is removed stays removed; the same command goes on" },
  };
}

function isOwners(home: string, uid: number): boolean {
  try {
    const stat = lstatSync(`${home}/.`);
    return stat.isDirectory() && stat.uid === uid;
  } catch {
    return false;
  }
}
