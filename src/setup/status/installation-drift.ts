import { existsSync } from "node:fs";
import { templatePath, templatesOf } from "../../installation/units.ts";
import type { SetupDeps } from "../deps.ts";
import type { Found } from "../found.ts";
import { linkText, readIfThere } from "../host/durable-file.ts";
import { findUser } from "../host/users.ts";
import { type Drift, driftOf, readTree } from "../package/tree.ts";
import { unitsOf } from "../setup.ts";

/** What was changed of what was installed: the tree by its manifest, units by their templates, links by what they lead to. */
export async function driftFrom(deps: SetupDeps, { file, current }: Found): Promise<Drift[]> {
  const { places } = deps;
  const tree = current === undefined ? undefined : readTree(places.version(current));
  if (file === undefined || tree === undefined) return [];
  const inTree = (await driftOf(tree)).map(({ path, what }) => ({ path: `${tree.root}/${path}`, what }));
  const owner = await findUser(deps.run, String(file.installation.ownerUid));
  // Without its template, which the tree's own drift names then, nothing says what a unit should be.
  const gone = new Set(inTree.filter(({ what }) => what === "missing").map(({ path }) => path));
  const template = (name: string) =>
    gone.has(`${tree.root}/${templatePath(name)}`) ? "" : templatesOf(tree.root)(name);
  const units = owner === undefined ? [] : unitsOf(deps, file.installation, owner, template);
  const changed = units.flatMap(({ path, text, mode }): Drift[] => {
    if (text === "") return [];
    const there = readIfThere(places.at(path));
    if (there === undefined) return [{ path, what: "missing" }];
    return there.text === text && there.mode === mode ? [] : [{ path, what: "changed" }];
  });
  const command = linkText(places.command);
  const link: Drift[] =
    command === places.commandTarget
      ? []
      : [{ path: places.command, what: command === undefined && !existsSync(places.command) ? "missing" : "changed" }];
  return [...inTree, ...changed, ...link];
}
