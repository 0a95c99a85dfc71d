const setpriv = "/usr/bin/setpriv";

/** setpriv's arguments: this uid, no privileges, and no group but its own and those. */
export function identityArgs(uid: number, groups: readonly number[]): string[] {
  return [
    `--reuid=${uid}`,
    `--regid=${uid}`,
    groups.length === 0 ? "--clear-groups" : `--groups=${groups.join(",")}`,
    "--no-new-privs",
    "--bounding-set=-all",
    "--inh-caps=-all",
    "--",
  ];
}

/** What a program's argv is put behind to run so. */
export function asUid(uid: number, groups: readonly number[]): string[] {
  return [setpriv, ...identityArgs(uid, groups)];
}
