/** Whose rights. */
export interface Identity {
  readonly ownerUid: number;
  readonly ownerGid: number;
}

/**
 * Does what has to be done in one go (nothing is awaited in it) with the owner's rights and no others: what lies in his directories may be
 * a link to anywhere, which he could follow himself, and a socket tells its peer who it is that connects.
 */
export function asOwner<T>({ ownerUid, ownerGid }: Identity, work: () => T): T {
  // Who isn't root is himself.
  if (process.geteuid?.() !== 0 || ownerUid === 0) return work();
  const groups = process.getgroups?.() ?? [];
  process.setgroups?.([]);
  process.setegid?.(ownerGid);
  process.seteuid?.(ownerUid);
  try {
    return work();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
    process.setgroups?.(groups);
  }
}
