import { checkDirectories, checkDirectory } from "./directories.ts";
import { InstallFileError } from "./install-file-error.ts";
import { parseLines, type Values } from "./install-lines.ts";
import { parseResolvers, parseSubnet } from "./subnet.ts";
import { checkUidRange } from "./uid-range.ts";
import { parseZone, usualZone } from "./zone.ts";

export { formatIpv4, parseIpv4, parseSubnet, type Subnet } from "./subnet.ts";

/** What `install.toml` says about one installation. It is root's; the daemon only reads it. */
export interface Installation {
  /** 8 hex digits: names this installation's links, tables and facts. */
  readonly id: string;
  readonly ownerUid: number;
  readonly ownerGid: number;
  /** The daemon's state, owned by the owner. */
  readonly stateDir: string;
  /** The daemon's socket and run-time files, owned by the owner. */
  readonly runDir: string;
  /** The helper's socket and facts, owned by root. */
  readonly helperRunDir: string;
  /** The guests' network, e.g. `10.77.0.0/24`; the bridge has its first address. */
  readonly subnet: string;
  /** VMMs run as one of `uidCount` ids from here on. */
  readonly uidFirst: number;
  readonly uidCount: number;
  /** Name servers for guests; the host's upstream ones when empty. */
  readonly resolvers: readonly string[];
  /** What VMs' names end with: `vm`. */
  readonly zone: string;
  /** What `banger system install` wrote down about itself; absent where the file was written by hand. */
  readonly installed?: Installed;
}

/** Who was installed, what, when and by which operation. */
export interface Installed {
  /** The owner's name. */
  readonly owner: string;
  /** The version that was ready last. */
  readonly version: string;
  /** When it was, in UTC as ISO 8601 has it. */
  readonly at: string;
  readonly opId: string;
}

const keys = [
  "id",
  "owner_uid",
  "owner_gid",
  "state_dir",
  "run_dir",
  "helper_run_dir",
  "subnet",
  "uid_first",
  "uid_count",
  "resolvers",
  "zone",
  "owner",
  "version",
  "installed_at",
  "op_id",
] as const;
type Key = (typeof keys)[number];

/** Reads an install file's text; every value is checked, by itself and beside the others. */
export function parseInstallFile(text: string): Installation {
  const values = parseLines(text, keys);
  const installed = installedOf(values);
  const installation: Installation = {
    id: idOf(values),
    ownerUid: integer(values, "owner_uid", { least: 1, most: 2 ** 31, hint: "root is no owner; `id -u` says yours" }),
    ownerGid: integer(values, "owner_gid", { least: 1, most: 2 ** 31, hint: "not root's; `id -g` says yours" }),
    stateDir: directory(values, "state_dir"),
    runDir: directory(values, "run_dir"),
    helperRunDir: directory(values, "helper_run_dir"),
    subnet: textOf(values, "subnet"),
    uidFirst: integer(values, "uid_first", { least: 1000, most: 2 ** 31, hint: "60706 to 61183 no system hands out" }),
    uidCount: integer(values, "uid_count", { least: 1, most: 65_536, hint: "each VM that runs takes one" }),
    resolvers: values.has("resolvers") ? parseResolvers(textOf(values, "resolvers")) : [],
    zone: values.has("zone") ? parseZone(textOf(values, "zone")) : usualZone,
    ...(installed === undefined ? {} : { installed }),
  };
  parseSubnet(installation.subnet);
  checkDirectories(installation);
  checkUidRange(installation);
  return installation;
}

/** The text of an install file. */
export function formatInstallFile(installation: Installation): string {
  const lines = Object.entries(toKeys(installation)).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
  return `${lines.join("\n")}\n`;
}

function toKeys(from: Installation): Partial<Record<Key, string | number>> {
  return {
    id: from.id,
    owner_uid: from.ownerUid,
    owner_gid: from.ownerGid,
    state_dir: from.stateDir,
    run_dir: from.runDir,
    helper_run_dir: from.helperRunDir,
    subnet: from.subnet,
    uid_first: from.uidFirst,
    uid_count: from.uidCount,
    ...(from.resolvers.length === 0 ? {} : { resolvers: from.resolvers.join(",") }),
    ...(from.zone === usualZone ? {} : { zone: from.zone }),
    ...(from.installed === undefined
      ? {}
      : {
          owner: from.installed.owner,
          version: from.installed.version,
          installed_at: from.installed.at,
          op_id: from.installed.opId,
        }),
  };
}

/** All four or none; they are for people and for the next upgrade, and decide nothing. */
function installedOf(values: Values): Installed | undefined {
  if (!["owner", "version", "installed_at", "op_id"].some((key) => values.has(key))) return undefined;
  return {
    owner: textOf(values, "owner"),
    version: textOf(values, "version"),
    at: textOf(values, "installed_at"),
    opId: textOf(values, "op_id"),
  };
}

/** It is a part of link names, tables and files; nothing else is. */
function idOf(values: Values): string {
  const id = textOf(values, "id");
  if (/^[0-9a-f]{8}$/.test(id)) return id;
  throw new InstallFileError(`id: ${JSON.stringify(id)} is not accepted; it must be 8 digits of 0-9 and a-f`);
}

function directory(values: Values, key: "state_dir" | "run_dir" | "helper_run_dir"): string {
  // A / at the end says nothing more.
  const path = textOf(values, key).replace(/(?<=[^/])\/$/, "");
  checkDirectory(key, path);
  return path;
}

function textOf(values: Values, key: Key): string {
  const value = values.get(key);
  if (typeof value === "string") return value;
  if (value === undefined) throw new InstallFileError(`${key}: missing; add ${key} = "…"`);
  throw new InstallFileError(`${key}: ${value} must be a text; write it in quotes`);
}

function integer(
  values: Values,
  key: Key,
  { least, most, hint }: { least: number; most: number; hint: string },
): number {
  const value = values.get(key);
  if (typeof value === "number" && value >= least && value <= most) return value;
  const given = value === undefined ? "missing; it" : typeof value === "string" ? `"${value}"` : value;
  throw new InstallFileError(`${key}: ${given} must be a number from ${least} to ${most}; ${hint}`);
}
