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
}

/** The text is not a valid install file; the message says which key and why. */
export class InstallFileError extends Error {
  override readonly name = "InstallFileError";
}

/** `nobody`, and what 16 bits hold for "none". */
const reservedUids = [65_534, 65_535] as const;

type Values = Map<string, string | number>;

/** Reads the strict subset of TOML that install files are written in: one `key = "text"` or `key = number` a line. */
export function parseInstallFile(text: string): Installation {
  const values = parseLines(text);
  const installation: Installation = {
    id: matching(values, "id", /^[0-9a-f]{8}$/),
    ownerUid: integer(values, "owner_uid", 1, 2 ** 31),
    ownerGid: integer(values, "owner_gid", 1, 2 ** 31),
    stateDir: directory(values, "state_dir"),
    runDir: directory(values, "run_dir"),
    helperRunDir: directory(values, "helper_run_dir"),
    subnet: matching(values, "subnet", /^\d{1,3}(\.\d{1,3}){3}\/(2[0-9]|1[6-9])$/),
    uidFirst: integer(values, "uid_first", 1000, 2 ** 31),
    uidCount: integer(values, "uid_count", 1, 65_536),
    resolvers: values.has("resolvers")
      ? matching(values, "resolvers", /^\d{1,3}(\.\d{1,3}){3}(,\d{1,3}(\.\d{1,3}){3}){0,2}$/).split(",")
      : [],
  };
  const known = new Set(Object.keys(toKeys(installation)));
  for (const key of values.keys()) if (!known.has(key)) throw new InstallFileError(`${key}: not a known key`);
  parseSubnet(installation.subnet);
  const { ownerUid, uidFirst, uidCount } = installation;
  if (ownerUid >= uidFirst && ownerUid < uidFirst + uidCount) {
    throw new InstallFileError("uid_first: the owner's uid lies in the range of the VMMs' uids");
  }
  for (const uid of reservedUids) {
    if (uid >= uidFirst && uid < uidFirst + uidCount) {
      throw new InstallFileError(`uid_first: the range of the VMMs' uids has ${uid} in it, which is nobody's`);
    }
  }
  return installation;
}

/** Ids that systemd gives to dynamic users (its docs/UIDS-GIDS). */
const systemdDynamic = { first: 61_184, last: 65_519 } as const;

/** What is accepted and yet likely a mistake. */
export function installationWarnings({ uidFirst, uidCount }: Installation): string[] {
  const { first, last } = systemdDynamic;
  if (uidFirst > last || uidFirst + uidCount <= first) return [];
  return [`uid_first: uids from ${first} to ${last} are systemd's own dynamic users; 60706 to 61183 are free`];
}

/** The text of an install file. */
export function formatInstallFile(installation: Installation): string {
  const lines = Object.entries(toKeys(installation)).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
  return `${lines.join("\n")}\n`;
}

/** A subnet as numbers: `first` is the bridge's address, guests have `first + 1` to `last`. */
export interface Subnet {
  readonly network: number;
  readonly prefix: number;
  readonly first: number;
  readonly last: number;
}

/** Parses `a.b.c.d/len`; the address must be the network's own, and private (RFC 1918). */
export function parseSubnet(cidr: string): Subnet {
  const [address = "", length = ""] = cidr.split("/");
  const network = parseIpv4(address);
  const prefix = Number(length);
  const size = 2 ** (32 - prefix);
  if (network === undefined || network % size !== 0) {
    throw new InstallFileError(`subnet: ${cidr} is not a network address`);
  }
  const [a, b] = address.split(".").map(Number);
  const isPrivate = a === 10 || (a === 192 && b === 168) || (a === 172 && b !== undefined && b >= 16 && b < 32);
  if (!isPrivate) throw new InstallFileError(`subnet: ${cidr} is not a private network (RFC 1918)`);
  return { network, prefix, first: network + 1, last: network + size - 2 };
}

/** An IPv4 address as a number; undefined when it isn't one. */
export function parseIpv4(text: string): number | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)) {
    return undefined;
  }
  return parts.reduce((sum, part) => sum * 256 + Number(part), 0);
}

/** The dotted form of an IPv4 address. */
export function formatIpv4(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".");
}

function toKeys(from: Installation): Record<string, string | number> {
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
  };
}

function parseLines(text: string): Values {
  const values: Values = new Map();
  for (const [index, line] of text.split("\n").entries()) {
    if (/^\s*(#.*)?$/.test(line)) continue;
    const parts = /^([a-z_]+) = (?:"([^"\\]*)"|(\d{1,10}))\s*$/.exec(line);
    const [, key, quoted, number] = parts ?? [];
    if (key === undefined) throw new InstallFileError(`line ${index + 1}: must be key = "text" or key = number`);
    if (values.has(key)) throw new InstallFileError(`${key}: given twice`);
    values.set(key, quoted ?? Number(number));
  }
  return values;
}

function matching(values: Values, key: string, pattern: RegExp): string {
  const value = values.get(key);
  if (typeof value === "string" && pattern.test(value)) return value;
  throw new InstallFileError(`${key}: ${value === undefined ? "missing" : `${String(value)} is not accepted`}`);
}

function integer(values: Values, key: string, least: number, most: number): number {
  const value = values.get(key);
  if (typeof value === "number" && value >= least && value <= most) return value;
  throw new InstallFileError(`${key}: must be a number from ${least} to ${most}`);
}

function directory(values: Values, key: string): string {
  const path = matching(values, key, /^\/[^\0]*[^/\0]$/);
  if (path.split("/").some((part, index) => part === "." || part === ".." || (index > 0 && part === ""))) {
    throw new InstallFileError(`${key}: must be absolute and without . or ..`);
  }
  return path;
}
