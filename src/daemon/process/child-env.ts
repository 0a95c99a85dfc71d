/** Variables from which programs take options, files or an identity: what an owner set for a shell would change what is made. */
const names = new Set([
  "TAPE",
  "GZIP",
  "BZIP",
  "BZIP2",
  "PAGER",
  "POSIXLY_CORRECT",
  "SIMPLE_BACKUP_SUFFIX",
  "VERSION_CONTROL",
  "BLOCK_SIZE",
  "BLOCKSIZE",
  "DU_BLOCK_SIZE",
  "FAKEROOTKEY",
  "FAKED_MODE",
]);
/** `TAR_OPTIONS=--exclude=…` leaves a file out; `XZ_DEFAULTS=--memlimit=…` makes an intact archive look damaged. */
const prefixes = ["TAR_", "XZ_", "ZSTD_", "LZ4_", "MKE2FS_", "E2FSCK_", "DEBUGFS_", "FAKECHROOT", "PERL5"];

/** The environment for a program that the daemon runs: its own without what gives that program orders. */
export function childEnv(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const gives = (name: string) => names.has(name) || prefixes.some((prefix) => name.startsWith(prefix));
  return Object.fromEntries(Object.entries(env).filter(([name]) => !gives(name)));
}
