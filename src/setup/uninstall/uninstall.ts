import { existsSync } from "node:fs";
import type { Installation } from "../../installation/install-file.ts";
import { BangerError } from "../../rpc/contract/errors.ts";
import { alone } from "../alone.ts";
import type { SetupDeps } from "../deps.ts";
import { lookAtHost } from "../found.ts";
import { isThere } from "../host/durable-file.ts";
import { sizeOf } from "../host/remove-within.ts";
import { namesOf, vmmsOf } from "../host/vmms.ts";
import { keptSettings } from "../install/settings.ts";
import { planOf, takeSteps } from "../steps.ts";
import { removalSteps } from "./removal-steps.ts";

/** What is asked for. */
export interface UninstallOptions {
  /** VMs that run are stopped; without it they are a reason to refuse. */
  readonly stopVms: boolean;
  /** Images, kernels, VMs' disks and volumes go too. */
  readonly purge: boolean;
  readonly dryRun: boolean;
  /** Asks a person whether to go on. */
  readonly sure: (question: string) => Promise<boolean>;
}

/** What came of it. */
export interface Uninstalled {
  readonly removed: boolean;
  /** What stays on purpose. */
  readonly kept: readonly string[];
  readonly would?: readonly string[];
}

/** Removes all that install made. Nothing of it is undone: a removal that was cut off is gone on with by the same command. */
export async function uninstall(deps: SetupDeps, options: UninstallOptions): Promise<Uninstalled> {
  return options.dryRun
    ? uninstalled(deps, options)
    : alone(deps, "system uninstall", () => uninstalled(deps, options));
}

async function uninstalled(deps: SetupDeps, options: UninstallOptions): Promise<Uninstalled> {
  const found = lookAtHost(deps);
  const { places, note } = deps;
  const { purge } = options;
  const installation = found.file?.installation ?? keptSettings(places);
  const state = installation === undefined ? undefined : places.at(installation.stateDir);
  const steps = removalSteps(deps, { found, installation, purge });
  const would = await planOf(steps);
  if (would.length === 0) throw nothingInstalled(stayingOf(deps, installation));
  const running = found.file === undefined ? [] : vmmsOf(places, found.file.installation);
  const names =
    found.file === undefined ? [] : await namesOf(running, deps.daemonOf(found.file.installation, places.config));
  mustBeAllowed(names, options);
  if (!options.dryRun) {
    if (purge && state !== undefined && existsSync(state)) {
      const size = await sizeOf(deps.run, state);
      if (!(await options.sure(`${state} (${size}) goes too, with all VMs, volumes, images and kernels. Remove it?`))) {
        note("nothing is removed");
        return { removed: false, kept: [] };
      }
    }
    await takeSteps("system uninstall", steps, deps);
  }
  return {
    removed: !options.dryRun,
    kept: purge ? [] : stayingOf(deps, installation),
    ...(options.dryRun ? { would } : {}),
  };
}

/** What only a purge takes, as far as it is there. */
function stayingOf({ places }: SetupDeps, installation: Installation | undefined): string[] {
  const state = installation === undefined ? [] : [places.at(installation.stateDir)];
  return [...state, ...places.environments].filter((path) => isThere(path));
}

function nothingInstalled(kept: readonly string[]): BangerError {
  return new BangerError("not_found", "nothing of banger's is installed", {
    details: {
      hint: kept.length === 0 ? "There is nothing to remove." : `\`--purge\` removes what was kept: ${kept.join(", ")}`,
    },
  });
}

function mustBeAllowed(running: readonly string[], { stopVms }: UninstallOptions): void {
  if (running.length === 0 || stopVms) return;
  throw new BangerError(
    "in_use",
    `${running.length === 1 ? "a VM runs" : `${running.length} VMs run`}: ${running.join(", ")}`,
    {
      details: {
        hint: "Stop them, or let it be done: `--stop-vms`. Their disks stay, unless `--purge` takes those too.",
      },
    },
  );
}
