import { existsSync } from "node:fs";
import { BangerError } from "../../rpc/contract/errors.ts";
import { alone } from "../alone.ts";
import type { SetupDeps } from "../deps.ts";
import { lookAtHost } from "../found.ts";
import { isThere } from "../host/durable-file.ts";
import { sizeOf } from "../host/remove-within.ts";
import { namesOf, vmmsOf } from "../host/vmms.ts";
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
  const state = found.file === undefined ? undefined : places.at(found.file.installation.stateDir);
  const steps = removalSteps(deps, found, options.purge);
  const would = await planOf(steps);
  if (would.length === 0) {
    throw new BangerError("not_found", "nothing of banger's is installed", {
      details: { hint: "There is nothing to remove." },
    });
  }
  const running = found.file === undefined ? [] : vmmsOf(places, found.file.installation);
  const names =
    found.file === undefined ? [] : await namesOf(running, deps.daemonOf(found.file.installation, places.config));
  mustBeAllowed(names, options);
  if (!options.dryRun) {
    if (options.purge && state !== undefined && existsSync(state)) {
      const size = await sizeOf(deps.run, state);
      if (!(await options.sure(`${state} (${size}) goes too, with all VMs, volumes, images and kernels. Remove it?`))) {
        note("nothing is removed");
        return { removed: false, kept: [] };
      }
    }
    await takeSteps("system uninstall", steps, deps);
  }
  const stays = options.purge ? [] : [...(state === undefined ? [] : [state]), places.environment];
  return {
    removed: !options.dryRun,
    kept: stays.filter((path) => isThere(path)),
    ...(options.dryRun ? { would } : {}),
  };
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
