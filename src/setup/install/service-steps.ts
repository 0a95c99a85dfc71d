import { enabledUnits } from "../../installation/units.ts";
import type { SetupDeps } from "../deps.ts";
import { awaitReady } from "../service/ready.ts";
import { putBackVersion } from "./file-steps.ts";
import { homePlan } from "../home/home-steps.ts";
import { isInPlace, services, type Setup, sockets } from "../setup.ts";
import { socketsOf } from "../service/socket-files.ts";
import type { Step } from "../steps.ts";
import { fitStore, type LeftVms, restoreStore, schemaOf } from "./store-copy.ts";
import { readTree } from "../package/tree.ts";

/** Both services run what is installed now, and answer. VMs aren't theirs, and run on. */
export function servicesStep(setup: Setup): Step {
  const { deps, pack, before, installation } = setup;
  const { systemd, places } = deps;
  const { version } = pack.manifest;
  // What systemd holds open was made by what lies there until now.
  const socketsChange = sockets.some((name) =>
    setup.units.some((unit) => unit.path.endsWith(`/${name}`) && !isInPlace(deps, unit)),
  );
  return {
    name: "services",
    plan: () => servicesPlan(setup),
    do: async (signal) => {
      const old = await deps
        .daemonOf(installation, places.config)
        .ping()
        .catch(() => undefined);
      const replaced = await systemd.show(services);
      await systemd.reload();
      await systemd.enable(enabledUnits);
      await systemd.forgetFailures([...services, ...sockets]);
      // A socket isn't bound anew while its service runs.
      const gone = before !== undefined && socketsOf(deps, installation).some(({ there }) => !there);
      if (socketsChange || gone) await systemd.stop([...services, ...sockets]);
      await startBoth(deps);
      await awaitReady(deps, installation, { version, otherThan: old?.pid, replaced, signal });
    },
    undo: async () => {
      await systemd.stop([...services, ...sockets]);
      if (before === undefined) {
        await systemd.disable(enabledUnits);
        // It was begun with the first service, and no unit of it is left; VMs of an installation before keep it.
        if ((await systemd.list("banger-vm-*.service")).length === 0) await systemd.stop(["banger.slice"]);
      }
      await systemd.forgetFailures([...services, ...sockets]);
    },
  };
}

/** Whether what runs is what was installed, by all that there is to see before anything is done. */
async function servicesPlan(setup: Setup): Promise<string[]> {
  const { deps, pack, found, units, installation, copied } = setup;
  const { version } = pack.manifest;
  const states = await deps.systemd.show([...services, ...sockets]);
  const answer = await deps
    .daemonOf(installation, deps.places.config)
    .ping()
    .catch(() => undefined);
  const wanted: readonly string[] = enabledUnits;
  const isAsItShould =
    !copied.tree &&
    homePlan(setup).length === 0 &&
    found.current === version &&
    found.file?.installation.installed?.version === version &&
    units.every((unit) => isInPlace(deps, unit)) &&
    states.every(({ active, needsReload }) => active === "active" && !needsReload) &&
    states.every(({ unit, enabled }) => enabled === "enabled" || !wanted.includes(unit)) &&
    socketsOf(deps, installation).every(({ there }) => there) &&
    answer?.version === version &&
    answer.helperVersion === version;
  const verb = answer === undefined ? "start" : "restart";
  return isAsItShould ? [] : [`${verb} ${[...services, ...sockets].join(", ")} with ${version}; VMs run on`];
}

/** Starts both services, or starts them anew. Whether they are ready is another question. */
async function startBoth({ systemd }: SetupDeps): Promise<void> {
  await systemd.start(sockets);
  await systemd.restartSoon([...services].toReversed());
}

/** The version of before, at hand until the new one is ready: it is what undoing ends with, once all else of it is put back. */
export function holdStep(setup: Setup): Step {
  const { deps, before, pack, installation } = setup;
  return {
    name: "hold",
    plan: async () => {
      if (before === undefined || (await servicesPlan(setup)).length === 0) return [];
      const { version } = before.manifest;
      return [
        ...(changesStore(setup) ? [`stop bangerd and keep a copy of its store`] : []),
        ...(homePlan(setup).length > 0 ? ["stop bangerd, which has to begin with the owner's home as it will be"] : []),
        `go back to ${version} where ${pack.manifest.version} isn't ready in ${deps.readyMs / 1000} s`,
      ];
    },
    // A connection would start it again by its socket. Whoever is killed behind this has it started by the next run, whatever was done until then.
    do: async () => {
      if (changesStore(setup) || homePlan(setup).length > 0)
        await deps.systemd.stop(["bangerd.socket", "bangerd.service"]);
    },
    undo: async () => {
      if (before === undefined) return;
      putBackVersion(setup, before);
      const replaced = await deps.systemd.show(services);
      await deps.systemd.reload();
      await startBoth(deps);
      await awaitReady(deps, installation, { version: before.manifest.version, replaced });
      deps.note(`${before.manifest.version} runs again`);
    },
  };
}

/** The store, as the new daemon can read it; one that only an older daemon can read is kept beside. */
export function storeStep(setup: Setup): Step {
  const { deps, pack, before, installation } = setup;
  const stateDir = deps.places.at(installation.stateDir);
  const { schema } = pack.manifest;
  const at: { schema?: number | undefined } = {};
  return {
    name: "store",
    plan: () =>
      changesStore(setup) ? [`make the store one that ${pack.manifest.version} reads, and keep a copy`] : [],
    do: () => {
      const has = schemaOf(stateDir, installation);
      // A run that was cut off may have left it as the new daemon made it.
      at.schema = has === undefined ? undefined : (before?.manifest.schema ?? has);
      tellLeft(deps, fitStore(stateDir, installation, schema));
    },
    undo: () => {
      if (at.schema !== undefined) tellLeft(deps, restoreStore(stateDir, installation, at.schema));
    },
  };
}

/** Whether the store is of another schema than the package's, or may be: while a daemon has it open, which version that is tells. */
function changesStore({ deps, pack, before, found, installation }: Setup): boolean {
  const { places } = deps;
  const runs = found.current === undefined ? undefined : readTree(places.version(found.current));
  const schemas = [before?.manifest.schema, runs?.manifest.schema, stored()];
  return schemas.some((schema) => schema !== undefined && schema !== pack.manifest.schema);

  function stored(): number | undefined {
    try {
      return schemaOf(places.at(installation.stateDir), installation);
    } catch {
      // It is open in a daemon, or no store: the new daemon says so.
      return undefined;
    }
  }
}

function tellLeft({ note }: SetupDeps, left: LeftVms | undefined): void {
  for (const name of left?.names ?? []) {
    note(
      `the VM ${name} was made since: this version doesn't know it, and leaves it running where it runs (\`banger reconcile --remove-unowned\` ends it); its disk and its record are kept in ${left?.directory}`,
    );
  }
}
