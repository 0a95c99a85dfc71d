import { z } from "zod";
import { guestContract } from "../../rpc/contract/guest.ts";

/** Something of the owner's home that goes into guests. */
export interface FileSyncEntry {
  /** Below the owner's home. */
  readonly path: string;
  /** Where it is in a guest: absolute, or below the guest user's home. */
  readonly to: string;
  /** The guest's user to whom it belongs there; root without one. */
  readonly user?: string;
}

/** An entry is a path, or a table with one. */
const known = ["path", "to", "user"];
const mostEntries = 64;
const accepted =
  'must be a list of paths below your home, like [".gitconfig", { path = "keys/deploy", to = ".ssh/id_ed25519", user = "dev" }]';
const itsUser = guestContract.vmCopy.params.shape.user.unwrap();

type Problem = (message: string, key?: string) => void;

/** What of the owner's home goes into each guest. */
export const fileSync = z
  .array(z.unknown(), { error: accepted })
  .max(mostEntries, `must be at most ${mostEntries} entries; name a directory for what is in it`)
  .transform((list, context): readonly FileSyncEntry[] => {
    const entries = list.map((one, index) =>
      entryOf(one, (message, key) => {
        const path = key === undefined ? [index] : [index, key];
        context.addIssue({ code: "custom", message, path, input: one });
      }),
    );
    const places = entries.map((entry) => (entry === undefined ? "" : `${entry.user ?? "root"} ${entry.to}`));
    for (const [index, place] of places.entries()) {
      if (place === "" || places.indexOf(place) === index) continue;
      context.addIssue({ code: "custom", message: "has the place in the guest of another one", path: [index] });
    }
    return entries.filter((entry) => entry !== undefined);
  });

/** An entry as the file has it, in short. */
export function fileSyncText({ path, to, user }: FileSyncEntry): string {
  return `${path}${to === path ? "" : ` as ${to}`}${user === undefined ? "" : ` of ${user}`}`;
}

function entryOf(one: unknown, problem: Problem): FileSyncEntry | undefined {
  if (typeof one === "string") return entryFrom({ path: one }, problem);
  if (typeof one === "object" && one !== null && !Array.isArray(one) && !(one instanceof Date)) {
    return entryFrom(one as Record<string, unknown>, problem);
  }
  problem("must be a path in quotes, or a table with one");
  return undefined;
}

function entryFrom(table: Readonly<Record<string, unknown>>, tell: Problem): FileSyncEntry | undefined {
  let good = true;
  const problem = (message: string, key?: string) => {
    good = false;
    tell(message, typeof table["path"] === "string" && Object.keys(table).length === 1 ? undefined : key);
  };
  for (const key of Object.keys(table)) {
    if (!known.includes(key)) problem(`is not a known key; known are ${known.join(", ")}`, key);
  }
  const { path, to, user } = table;
  if (path === undefined) problem("must have a path");
  const from = path === undefined ? undefined : checked(path, "path", problem, { absolute: false });
  const place = to === undefined ? from : checked(to, "to", problem, { absolute: true });
  if (user !== undefined && !itsUser.safeParse(user).success) problem("must be a user's name or number", "user");
  if (!good || from === undefined || place === undefined) return undefined;
  return { path: from, to: place, ...(user === undefined || isRoot(user) ? {} : { user: user as string }) };
}

/** Root by its name, or by its number. */
function isRoot(user: unknown): boolean {
  return typeof user === "string" && /^(root|0+)$/.test(user);
}

/** A path whose every component is a name; without the slash that it may end with. */
function checked(
  value: unknown,
  key: string,
  problem: Problem,
  may: { readonly absolute: boolean },
): string | undefined {
  const where = may.absolute ? "in the guest, absolute or below its user's home" : "below your home";
  const refuse = (why: string) => {
    problem(`must be a path ${where}, like "${may.absolute ? "/etc/motd" : ".gitconfig"}"${why}`, key);
    return undefined;
  };
  if (typeof value !== "string") return refuse("");
  if (value.startsWith("~")) return refuse("; leave ~/ out, it is meant");
  if (!may.absolute && value.startsWith("/")) return refuse("; it may not be absolute");
  const path = value.replace(/(?<=[^/])\/$/, "");
  const names = path.replace(/^\//, "").split("/");
  if (names.some((name) => name === "..")) return refuse("; it may have no .. in it");
  if (names.some((name) => name === "" || name === "." || name.includes("\0"))) return refuse("");
  if (Buffer.byteLength(path) > 4_000 || names.some((name) => Buffer.byteLength(name) > 255))
    return refuse(", and shorter");
  return path;
}
