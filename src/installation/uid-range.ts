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

function isIn({ uidFirst, uidCount }: Range, uid: number): boolean {
  return uid >= uidFirst && uid < uidFirst + uidCount;
}

function nameOf({ uidFirst, uidCount }: Range): string {
  return `the range of the VMMs' uids (${uidFirst} to ${uidFirst + uidCount - 1})`;
}
