import { existsSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { formatInstallFile } from "../../installation/install-file.ts";
import { templatePath, templatesOf, type UnitFile } from "../../installation/units.ts";
import { BangerError } from "../../rpc/contract/errors.ts";
import {
  type Before,
  linkText,
  putBack,
  readIfThere,
  removeIfEmpty,
  switchLink,
  writeDurably,
} from "../host/durable-file.ts";
import { withInstalled } from "./settings.ts";
import { isInPlace, type Setup, unitsOf } from "../setup.ts";
import type { Step } from "../steps.ts";
import { driftOf, installTree, readTree, removeTree, type Tree } from "../package/tree.ts";

/** The package's files, where versions are. */
export function treeStep({ deps, pack, found, copied }: Setup): Step {
  const { version } = pack.manifest;
  const target = deps.places.version(version);
  const wasThere = found.versions.includes(version);
  const isWhole = async () => {
    const tree = readTree(target);
    if (tree === undefined || JSON.stringify(tree.manifest) !== JSON.stringify(pack.manifest)) return false;
    return (await driftOf(tree)).length === 0;
  };
  return {
    name: "tree",
    plan: async () => ((await isWhole()) ? [] : [`copy ${pack.manifest.files.length} files to ${target}`]),
    do: async (signal) => {
      copied.tree = true;
      await installTree(deps.run, pack, target, signal);
    },
    undo: () => {
      if (!wasThere) removeTree(target, version);
      removeIfEmpty(deps.places.library);
    },
  };
}

/** The install file; one that is there stays as it is. */
export function installFileStep({ deps, found, installation }: Setup): Step {
  const { config } = deps.places;
  return {
    name: "install-file",
    plan: () =>
      existsSync(config) ? [] : [`write ${config}: subnet ${installation.subnet}, state in ${installation.stateDir}`],
    do: () => writeDurably(config, formatInstallFile(installation), 0o644),
    undo: () => {
      if (found.file !== undefined) return;
      rmSync(config, { force: true });
      removeIfEmpty(dirname(config));
    },
  };
}

/** The files by which systemd runs it. */
export function unitsStep({ deps, units }: Setup): Step {
  const { places, systemd } = deps;
  const befores = new Map<string, Before>(units.map(({ path }) => [path, readIfThere(places.at(path))]));
  const differing = () => units.filter((unit) => !isInPlace(deps, unit));
  return {
    name: "units",
    plan: () => differing().map(({ path }) => `write ${places.at(path)}`),
    do: () => {
      for (const { path, text, mode } of differing()) writeDurably(places.at(path), text, mode);
    },
    undo: async () => {
      for (const [path, before] of befores) putBack(places.at(path), before);
      await systemd.reload();
    },
  };
}

/**
 * Puts back what the version of before runs by. What was found can't tell it: after a run that was cut off, that is what this run began with,
 * the new version's own.
 */
export function putBackVersion({ deps, installation, owner }: Setup, before: Tree): void {
  const { places } = deps;
  for (const unit of unitsOfBefore()) {
    if (unit.text === "") rmSync(places.at(unit.path), { force: true });
    else if (!isInPlace(deps, unit)) writeDurably(places.at(unit.path), unit.text, unit.mode);
  }
  if (linkText(places.current) !== before.manifest.version) switchLink(places.current, before.manifest.version);

  /** A unit that it doesn't have has no text. */
  function unitsOfBefore(): readonly UnitFile[] {
    const template = templatesOf(before.root);
    const has = new Set(before.manifest.files.map(({ path }) => path));
    try {
      return unitsOf(deps, installation, owner, (name) => (has.has(templatePath(name)) ? template(name) : ""));
    } catch {
      // One is damaged, or a newer version's and asks for what this one doesn't know: they stay as the undoing of `units` left them.
      return [];
    }
  }
}

/** The links: to the version that runs, and from where shells look. */
export function linksStep({ deps, pack, found }: Setup): Step {
  const { current, command, commandTarget } = deps.places;
  const { version } = pack.manifest;
  const commandBefore = linkText(command);
  return {
    name: "links",
    plan: () => [
      ...(linkText(current) === version ? [] : [`let ${current} lead to ${version}`]),
      ...(linkText(command) === commandTarget ? [] : [`let ${command} lead to ${commandTarget}`]),
    ],
    do: () => {
      switchLink(current, version);
      if (linkText(command) !== commandTarget) switchLink(command, commandTarget);
    },
    undo: () => {
      switchLink(current, found.current);
      if (commandBefore === undefined) switchLink(command, undefined);
    },
  };
}

/** Writes down who, what, when and by which operation: from here on the version counts as installed. */
export function recordStep({ deps, pack, owner, found }: Setup): Step {
  const { config } = deps.places;
  const { version } = pack.manifest;
  return {
    name: "record",
    plan: () =>
      found.file?.installation.installed?.version === version
        ? []
        : [`record ${version} for ${owner.name} in ${config}`],
    do: () => {
      const text = readIfThere(config)?.text;
      if (text === undefined) throw new BangerError("bad_content", `${config} is gone`);
      const installed = { owner: owner.name, version, at: deps.now().toISOString(), opId: deps.opId };
      writeDurably(config, withInstalled(text, installed), 0o644);
    },
    undo: { none: "it is the last step" },
  };
}
