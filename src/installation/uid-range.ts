import type { Installation } from "./install-file.ts";
import { InstallFileError } from "./install-file-error.ts";

/** `nobody`, and what 16 bits hold for "none". */
const reservedUids = [65_534, 65_535] as const;
/** Ids that systemd gives to dynamic users (its docs/UIDS-GIDS). */
const systemdDynamic = { first: 61_184, last: 65_519 } as const;

type Range = Pick<Installation, "uidFirst" | "uidCount">;

/** Refuses a range of the VMMs' uids that the owner or nobody is in. */
export function checkUidRange({
  ownerUid,
  ownerGid,
  ...range
}: Range & Pick<Installation, "ownerUid" | "ownerGid">): void {
  if (isIn(range, ownerUid)) throw new InstallFileError(`uid_first: the owner's uid lies in ${nameOf(range)}`);
  // A VM's uid is the gid of its initrd, too.
  if (isIn(range, ownerGid)) throw new InstallFileError(`uid_first: the owner's gid lies in ${nameOf(range)}`);
  for (const uid of reservedUids) {
    if (isIn(range, uid)) {
      throw new InstallFileError(`uid_first: ${nameOf(range)} has ${uid} in it, which is nobody's`);
    }
  }
}

/** What is accepted and yet likely a mistake. */
export function installationWarnings({ uidFirst, uidCount }: Installation): string[] {
  const { first, last } = systemdDynamic;
  if (uidFirst > last || uidFirst + uidCount <= first) return [];
  return [`uid_first: uids from ${first} to ${last} are systemd's own dynamic users; 60706 to 61183 are free`];
}

/** The text of the host's files of users: who is in them, and who has ids to hand out. */
export interface HostUsers {
  readonly passwd: string;
  readonly group: string;
  readonly subuid: string;
  readonly subgid: string;
}

/** Refuses a range that users of this host have. */
export function checkUidsOfHost(range: Range, host: HostUsers): void {
  const refuse = (file: string, whose: string, ids: string): never => {
    throw new InstallFileError(
      `uid_first: ${nameOf(range)} has ${ids} in it, which ${file} gives to ${whose}; choose a range that nobody has`,
    );
  };
  for (const [file, text] of [
    ["/etc/passwd", host.passwd],
    ["/etc/group", host.group],
  ] as const) {
    for (const [name = "", , id = ""] of fieldsOf(text)) if (isIn(range, idOf(id))) refuse(file, name, id);
  }
  for (const [file, text] of [
    ["/etc/subuid", host.subuid],
    ["/etc/subgid", host.subgid],
  ] as const) {
    for (const [name = "", begin = "", count = ""] of fieldsOf(text)) {
      const [first, size] = [idOf(begin), idOf(count)];
      const apart = first >= range.uidFirst + range.uidCount || first + size <= range.uidFirst;
      if (!Number.isNaN(first + size) && size > 0 && !apart) refuse(file, name, `ids of ${begin}:${count}`);
    }
  }
}

function isIn({ uidFirst, uidCount }: Range, uid: number): boolean {
  return uid >= uidFirst && uid < uidFirst + uidCount;
}

function nameOf({ uidFirst, uidCount }: Range): string {
  return `the range of the VMMs' uids (${uidFirst} to ${uidFirst + uidCount - 1})`;
}

/** A number of a file of users; whatever else stands there is none. */
function idOf(text: string): number {
  return /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
}

function fieldsOf(text: string): string[][] {
  return text.split("\n").map((line) => line.split(":"));
}
