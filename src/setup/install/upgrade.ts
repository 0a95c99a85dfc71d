import { BangerError } from "../../rpc/contract/errors.ts";
import { tellOfHome } from "../home/home-steps.ts";
import { mustHaveDependencies } from "./dependencies.ts";
import { alone } from "../alone.ts";
import type { SetupDeps } from "../deps.ts";
import { lookAtHost, ownPackage, versionBefore } from "../found.ts";
import { answerOf, type Installed, installSteps, mustNotRunByHand, ownerFor } from "./install.ts";
import { mustBeRootsAbove } from "./directories.ts";
import { mustBeFree } from "./obstacles.ts";
import { type Setup, unitsOf } from "../setup.ts";
import { planOf, type Step, takeSteps } from "../steps.ts";
import { pruneStores } from "./store-copy.ts";
import { checkedTemplates, removeDrafts, removeTree, versionsIn } from "../package/tree.ts";

/** What came of it. */
export type Upgraded = Installed & {
  /** The version of before. */
  readonly from: string;
};

/**
 * Changes over to the package that this program is a part of, an older one too, under VMs that run; one that isn't ready in time is
 * taken back, store and all.
 */
export async function upgrade(deps: SetupDeps, { dryRun }: { readonly dryRun: boolean }): Promise<Upgraded> {
  return dryRun ? upgraded(deps, dryRun) : alone(deps, "system upgrade", () => upgraded(deps, dryRun));
}

async function upgraded(deps: SetupDeps, dryRun: boolean): Promise<Upgraded> {
  const setup = await lookForUpgrade(deps);
  tellOfHome(setup);
  const steps = [...installSteps(setup), pruneStep(setup)];
  const would = await planOf(steps);
  if (!dryRun) await takeSteps("system upgrade", steps, deps);
  return { ...answerOf(setup, would, dryRun), from: setup.before?.manifest.version ?? "" };
}

async function lookForUpgrade(deps: SetupDeps): Promise<Setup> {
  const pack = ownPackage(deps);
  await mustHaveDependencies(deps.places, deps.systemd);
  const found = lookAtHost(deps);
  const before = versionBefore(deps, found);
  if (found.file === undefined || before === undefined) {
    throw new BangerError("not_found", "there is nothing to upgrade: no version is installed whole", {
      details: { hint: "`sudo bin/banger system install`, of this package, installs it." },
    });
  }
  const owner = await ownerFor(deps, found, { owner: undefined, sudoUser: undefined });
  const { installation } = found.file;
  mustBeFree(deps.places, pack.manifest.version, installation);
  mustBeRootsAbove(deps.places, installation, owner);
  await mustNotRunByHand(deps, found);
  const units = unitsOf(deps, installation, owner, checkedTemplates(pack));
  return { deps, found, owner, installation, pack, before, units, copied: { tree: false } };
}

/** Only the version that runs and the one before it stay. */
function pruneStep({ deps, pack, before, installation }: Setup): Step {
  const kept = [pack, ...(before === undefined ? [] : [before])].map(({ manifest }) => manifest);
  // One that is gone on with, after it was ready, no longer knows which version was the one before.
  const isRepeated = before?.manifest.version === pack.manifest.version;
  const others = () =>
    isRepeated
      ? []
      : versionsIn(deps.places.library).filter((version) => kept.every((manifest) => manifest.version !== version));
  return {
    name: "prune",
    plan: () => others().map((version) => `remove ${version}`),
    do: () => {
      for (const version of others()) removeTree(deps.places.version(version), version);
      pruneStores(
        deps.places.at(installation.stateDir),
        installation,
        kept.map(({ schema }) => schema),
      );
      removeDrafts(deps.places.library);
    },
    undo: { none: "what is removed nobody goes back to" },
  };
}
