const setpriv = "/usr/bin/setpriv";

/** setpriv's arguments: this uid, no privileges, and no group but its own, which has the same number where none is said, and those. */
export function identityArgs(uid: number, groups: readonly number[], gid = uid): string[] {
  return [
    `--reuid=${uid}`,
    `--regid=${gid}`,
    groups.length === 0 ? "--clear-groups" : `--groups=${groups.join(",")}`,
    "--no-new-privs",
    "--bounding-set=-all",
    "--inh-caps=-all",
    "--",
  ];
}

/** What a program's argv is put behind to run so. */
export function asUid(uid: number, groups: readonly number[], gid = uid): string[] {
  return [setpriv, ...identityArgs(uid, groups, gid)];
}
