import { layoutOf } from "../../installation/layout.ts";
import { lockHolder } from "../../installation/lock-holder.ts";
import { BangerError } from "../../rpc/contract/errors.ts";
import { mustHaveDependencies } from "./dependencies.ts";
import { alone } from "../alone.ts";
import type { SetupDeps } from "../deps.ts";
import { type Found, lookAtHost, ownPackage, versionBefore } from "../found.ts";
import { directoriesStep, mustBeRootsAbove } from "./directories.ts";
import { mustBeFree } from "./obstacles.ts";
import { settingsFor } from "./settings.ts";
import { installFileStep, linksStep, recordStep, treeStep, unitsStep } from "./file-steps.ts";
import { homeStep, tellOfHome } from "../home/home-steps.ts";
import { holdStep, servicesStep, storeStep } from "./service-steps.ts";
import { services, type Setup, unitsOf } from "../setup.ts";
import { planOf, type Step, takeSteps } from "../steps.ts";
import { checkedTemplates } from "../package/tree.ts";
import { findUser, mustBePerson, type User } from "../host/users.ts";

/** What is asked for. */
export interface InstallOptions {
  /** The owner's name; whoever called sudo when nobody is named. */
  readonly owner: string | undefined;
  readonly sudoUser: string | undefined;
  readonly dryRun: boolean;
}

/** What came of it. */
export interface Installed {
  readonly version: string;
  readonly owner: string;
  readonly subnet: string;
  readonly state_dir: string;
  /** False where all was as it should be. */
  readonly changed: boolean;
  /** With a dry run: what would be done. */
  readonly would?: readonly string[];
}

/** Installs the package that this program is a part of, or finds it installed. */
export async function install(deps: SetupDeps, options: InstallOptions): Promise<Installed> {
  return options.dryRun ? installed(deps, options) : alone(deps, "system install", () => installed(deps, options));
}

async function installed(deps: SetupDeps, options: InstallOptions): Promise<Installed> {
  const setup = await lookForInstall(deps, options);
  tellOfHome(setup);
  const steps = installSteps(setup);
  const would = await planOf(steps);
  if (!options.dryRun) await takeSteps("system install", steps, deps);
  return answerOf(setup, would, options.dryRun);
}

/** The steps of an installation, each with what undoes it. */
export function installSteps(setup: Setup): Step[] {
  return [
    treeStep(setup),
    holdStep(setup),
    storeStep(setup),
    installFileStep(setup),
    unitsStep(setup),
    directoriesStep(setup),
    homeStep(setup),
    linksStep(setup),
    servicesStep(setup),
    recordStep(setup),
  ];
}

/** What came of it, or would. */
export function answerOf({ pack, owner, installation }: Setup, would: readonly string[], dryRun: boolean): Installed {
  return {
    version: pack.manifest.version,
    owner: owner.name,
    subnet: installation.subnet,
    state_dir: installation.stateDir,
    changed: would.length > 0 && !dryRun,
    ...(dryRun ? { would } : {}),
  };
}

async function lookForInstall(deps: SetupDeps, options: InstallOptions): Promise<Setup> {
  const pack = ownPackage(deps);
  await mustHaveDependencies(deps.places, deps.systemd);
  const found = lookAtHost(deps);
  const owner = await ownerFor(deps, found, options);
  const before = versionBefore(deps, found);
  if (before !== undefined && before.manifest.version !== pack.manifest.version) {
    throw new BangerError(
      "already_exists",
      `${before.manifest.version} is installed; this is ${pack.manifest.version}`,
      {
        details: { hint: "`sudo bin/banger system upgrade`, of this package, changes over; VMs run on." },
      },
    );
  }
  const installation = settingsFor(deps, found, owner);
  mustBeFree(deps.places, pack.manifest.version, installation);
  mustBeRootsAbove(deps.places, installation, owner);
  await mustNotRunByHand(deps, found);
  return {
    deps,
    found,
    owner,
    installation,
    pack,
    before,
    units: unitsOf(deps, installation, owner, checkedTemplates(pack)),
    copied: { tree: false },
  };
}

/** Who is to be the owner: whom the install file names, or who is named, or whoever called sudo. */
export async function ownerFor(
  { run, places }: SetupDeps,
  found: Found,
  options: Pick<InstallOptions, "owner" | "sudoUser">,
): Promise<User> {
  const recorded = found.file?.installation.ownerUid;
  const asked = options.owner ?? (recorded === undefined ? options.sudoUser : String(recorded));
  if (asked === undefined) {
    throw new BangerError("usage", "owner: nobody is named, and root can't be it", {
      details: { hint: "Name the user who will work with it: `--owner NAME`." },
    });
  }
  const user = mustBePerson(await findUser(run, asked), asked);
  if (recorded === undefined || user.uid === recorded) return user;
  throw new BangerError(
    "already_exists",
    `${places.config} is of uid ${recorded}, not of ${user.name} (uid ${user.uid})`,
    {
      details: { hint: "One host has one owner: uninstall first, or leave --owner out." },
    },
  );
}

/** A daemon that was started by hand would keep its state from the service. */
export async function mustNotRunByHand({ daemonOf, places, systemd }: SetupDeps, { file }: Found): Promise<void> {
  if (file === undefined) return;
  const answer = await daemonOf(file.installation, places.config)
    .ping()
    .catch(() => undefined);
  if (answer === undefined) return;
  const [service, helperService] = await systemd.show(services);
  if (service?.pid === answer.pid) return;
  const helper = lockHolder(places.at(layoutOf(file.installation).helperLock));
  const end =
    helper === undefined || helper === helperService?.pid
      ? `End it: \`sudo kill ${answer.pid}\``
      : `End it, and its helper: \`sudo kill ${answer.pid} ${helper}\``;
  throw new BangerError("in_use", `a bangerd runs (pid ${answer.pid}) that systemd didn't start`, {
    details: { hint: `${end}; VMs run on.` },
  });
}
