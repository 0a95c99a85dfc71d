import { rmSync } from "node:fs";
import { dirname } from "node:path";
import type { Installation } from "../../installation/install-file.ts";
import { enabledUnits, unitFiles } from "../../installation/units.ts";
import type { SetupDeps } from "../deps.ts";
import { type Found, lookAtHost } from "../found.ts";
import { emptyHomeStep } from "../home/home-steps.ts";
import { isThere, linkText, removeIfEmpty } from "../host/durable-file.ts";
import { removeWithin } from "../host/remove-within.ts";
import { forgetSettings, keepSettings } from "../install/settings.ts";
import { services, sockets } from "../setup.ts";
import type { Step } from "../steps.ts";
import { networkDown, networkPlan } from "./network-down.ts";
import { stopVms, vmsPlan } from "./stop-vms.ts";

/** What is removed: what was found, or of an installation that is gone what was kept. */
export interface Removal {
  readonly found: Found;
  readonly installation: Installation | undefined;
  readonly purge: boolean;
}

/** All that is to go, in the order in which it can. None of it is undone. */
export function removalSteps(deps: SetupDeps, { found: { file }, installation, purge }: Removal): Step[] {
  const none = { none: "what is removed stays removed; the same command goes on" };
  const known: Step[] =
    file === undefined
      ? []
      : [
          {
            name: "vms",
            plan: () => vmsPlan(deps, file.installation),
            do: () => stopVms(deps, file.installation),
            undo: none,
          },
          {
            name: "network",
            plan: () => networkPlan(deps, file.installation),
            do: () => networkDown(deps, file.installation),
            undo: none,
          },
        ];
  return [
    ...known,
    { name: "services", plan: () => servicesPlan(deps), do: () => stopServices(deps), undo: none },
    { name: "units", plan: () => unitsPlan(deps), do: () => removeUnits(deps), undo: none },
    ...(file === undefined
      ? []
      : [
          {
            name: "run-directories",
            plan: () => runPlan(deps, file.installation),
            do: () => removeRun(deps, file.installation),
            undo: none,
          },
        ]),
    ...(installation === undefined
      ? []
      : [
          {
            name: "state",
            plan: () => statePlan(deps, installation, purge),
            do: () => removeState(deps, installation),
            undo: none,
          },
          emptyHomeStep(deps, installation, purge),
        ]),
    { name: "command", plan: () => commandPlan(deps), do: () => rmSync(deps.places.command), undo: none },
    {
      name: "environment",
      plan: () => environmentPlan(deps, purge),
      do: () => {
        for (const path of environmentsThere(deps)) rmSync(path);
      },
      undo: none,
    },
    { name: "install-file", plan: () => filePlan(deps, purge), do: () => removeConfig(deps, purge), undo: none },
    // Last: until then the command that goes on is there.
    {
      name: "tree",
      plan: () => treePlan(deps),
      do: () => rmSync(deps.places.library, { recursive: true }),
      undo: none,
    },
  ];
}

async function servicesPlan({ systemd }: SetupDeps): Promise<string[]> {
  const states = await systemd.show([...services, ...sockets]);
  return states
    .filter(({ active, enabled }) => !["inactive", "unknown"].includes(active) || enabled === "enabled")
    .map(({ unit }) => `stop and disable ${unit}`);
}

async function stopServices({ places, systemd }: SetupDeps): Promise<void> {
  const units = [...sockets, ...services];
  await systemd.stop(units);
  const withFile = units.filter((unit) => isThere(places.at(unitPath(unit))));
  if (withFile.length > 0) await systemd.disable(withFile);
  // What they had started in units of their own, and is left.
  const started = [...(await systemd.list("banger-vm-*.service")), ...(await systemd.list("banger-build@*.service"))];
  if (started.length > 0) await systemd.stop(started).catch(() => undefined);
  await systemd.stop(["banger.slice"]).catch(() => undefined);
  await systemd.forgetFailures([...services, ...sockets, ...started]);
}

function unitFilesThere({ places }: SetupDeps): string[] {
  const links = enabledUnits.filter((unit) => !isThere(places.at(unitPath(unit)))).map(linkPath);
  return [...unitPaths(), ...links].map((path) => places.at(path)).filter((path) => isThere(path));
}

const unitPath = (unit: string) => `/etc/systemd/system/${unit}`;
/** By this a unit starts with the host; disabling removes it, but not where somebody has removed the unit's file before. */
const linkPath = (unit: string) =>
  unitPath(`${unit.endsWith(".socket") ? "sockets" : "multi-user"}.target.wants/${unit}`);

/** Where units and what belongs to them lie; an operator's changes to a unit are in a directory of its name. */
function unitPaths(): string[] {
  const none = {
    id: "",
    ownerUid: 0,
    ownerGid: 0,
    stateDir: "",
    runDir: "",
    helperRunDir: "",
    subnet: "",
    uidFirst: 0,
    uidCount: 0,
    resolvers: [],
    zone: "",
  };
  const files = unitFiles({
    installation: none,
    config: "",
    owner: { name: "", home: "" },
    root: "",
    template: () => "",
  });
  return files.flatMap(({ path }) => (path.startsWith(unitPath("")) ? [path, `${path}.d`] : [path]));
}

function unitsPlan(deps: SetupDeps): string[] {
  return unitFilesThere(deps).map((path) => `remove ${path}`);
}

async function removeUnits(deps: SetupDeps): Promise<void> {
  for (const path of unitFilesThere(deps)) rmSync(path, { recursive: true });
  await deps.systemd.reload();
}

function runPlan({ places }: SetupDeps, { runDir, helperRunDir }: Installation): string[] {
  return [runDir, helperRunDir]
    .map((path) => places.at(path))
    .filter((path) => isThere(path))
    .map((path) => `remove ${path}`);
}

async function removeRun(deps: SetupDeps, installation: Installation): Promise<void> {
  for (const path of [installation.runDir, installation.helperRunDir])
    await removeWithin(deps.run, deps.places.at(path), installation);
}

function statePlan({ places }: SetupDeps, { stateDir }: Installation, purge: boolean): string[] {
  return purge && isThere(places.at(stateDir))
    ? [`remove ${places.at(stateDir)}, with all VMs, volumes, images and kernels`]
    : [];
}

async function removeState({ places, run }: SetupDeps, installation: Installation): Promise<void> {
  await removeWithin(run, places.at(installation.stateDir), installation);
}

function commandPlan({ places }: SetupDeps): string[] {
  return linkText(places.command) === places.commandTarget ? [`remove ${places.command}`] : [];
}

function environmentPlan(deps: SetupDeps, purge: boolean): string[] {
  return purge ? environmentsThere(deps).map((path) => `remove ${path}`) : [];
}

function environmentsThere({ places }: SetupDeps): string[] {
  return places.environments.filter((path) => isThere(path));
}

function filePlan({ places }: SetupDeps, purge: boolean): string[] {
  return [places.config, ...(purge ? [places.kept] : [])]
    .filter((path) => isThere(path))
    .map((path) => `remove ${path}`);
}

function removeConfig(deps: SetupDeps, purge: boolean): void {
  const { places } = deps;
  const { file } = lookAtHost(deps);
  const state = file === undefined ? undefined : places.at(file.installation.stateDir);
  // VMs that are kept have addresses of this subnet: an installation that comes after this one takes it up again.
  if (!purge && file !== undefined && state !== undefined && isThere(state)) keepSettings(places, file.text);
  else forgetSettings(places);
  rmSync(places.config, { force: true });
  removeIfEmpty(dirname(places.config));
}

function treePlan({ places }: SetupDeps): string[] {
  return isThere(places.library) ? [`remove ${places.library}`] : [];
}
