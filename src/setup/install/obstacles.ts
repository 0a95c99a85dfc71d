import { accessSync, constants } from "node:fs";
import { dirname } from "node:path";
import type { Installation } from "../../installation/install-file.ts";
import { BangerError } from "../../rpc/contract/errors.ts";
import { isThere, linkText, statIfThere } from "../host/durable-file.ts";
import type { Places } from "../host/places.ts";

/** Refuses to begin where something that isn't banger's is in the way, and names all of it. */
export function mustBeFree(places: Places, version: string, { stateDir, ownerUid }: Installation): void {
  const found = [
    notDirectory(places.library),
    notDirectory(places.version(version)),
    notLink(places.current),
    foreignCommand(places),
    notDirectory(dirname(places.config)),
    notOwners(places.at(stateDir), ownerUid),
    readOnly(places.library),
  ].filter((text) => text !== undefined);
  if (found.length === 0) return;
  throw new BangerError("already_exists", `in the way: ${found.join("; ")}`, {
    details: { hint: "Move away what is named, or put it right; nothing was changed." },
  });
}

function notDirectory(path: string): string | undefined {
  const stat = statIfThere(path);
  if (stat === undefined || stat.isDirectory()) return undefined;
  return `${path} is ${stat.isSymbolicLink() ? "a link" : "no directory"}`;
}

function notLink(path: string): string | undefined {
  return !isThere(path) || linkText(path) !== undefined ? undefined : `${path} is no link`;
}

function foreignCommand({ command, commandTarget }: Places): string | undefined {
  if (!isThere(command) || linkText(command) === commandTarget) return undefined;
  return `${command} is another program`;
}

/** What root gives the daemon must have been the owner's already. */
function notOwners(stateDir: string, ownerUid: number): string | undefined {
  const stat = statIfThere(stateDir);
  if (stat === undefined) return undefined;
  if (!stat.isDirectory()) return `${stateDir} is no directory`;
  return stat.uid === ownerUid
    ? undefined
    : `${stateDir} belongs to uid ${stat.uid}, not to the owner (uid ${ownerUid})`;
}

/** Root may write everywhere but where nobody may. */
function readOnly(path: string): string | undefined {
  try {
    accessSync(nearest(path), constants.W_OK);
    return undefined;
  } catch (error) {
    // A link to nothing is told of as that.
    if ((error as NodeJS.ErrnoException).code !== "EROFS") return undefined;
    return `${nearest(path)} is on a file system that is mounted read-only`;
  }
}

function nearest(path: string): string {
  return isThere(path) ? path : nearest(dirname(path));
}
