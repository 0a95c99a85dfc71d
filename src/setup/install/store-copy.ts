import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
} from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { BangerError } from "../../rpc/contract/errors.ts";
import { asOwner, type Identity } from "../host/as-owner.ts";

/** VMs that the store which is in place now doesn't know. */
export interface LeftVms {
  readonly names: readonly string[];
  /** Where their directories, and the store that knows them, are kept. */
  readonly directory: string;
}

// A store is the owner's, so all of this is done with his rights, and while no daemon has it open.
const database = (stateDir: string) => join(stateDir, "banger.db");
const keptStores = (stateDir: string) => join(stateDir, "stores");
const keptStore = (stateDir: string, schema: number) => join(keptStores(stateDir), String(schema));

/** The schema of the store; undefined where there is none yet. */
export function schemaOf(stateDir: string, owner: Identity): number | undefined {
  return asOwner(owner, () => (existsSync(database(stateDir)) ? inDatabase(database(stateDir), schemaIn) : undefined));
}

/**
 * Makes the store one that a daemon of `schema` can open: an older one is copied to `stores/<its schema>` first, as that daemon will
 * change it; in the place of a newer one, which is kept likewise, comes the newest that it can read.
 */
export function fitStore(stateDir: string, owner: Identity, schema: number): LeftVms | undefined {
  const has = schemaOf(stateDir, owner);
  if (has === undefined || has === schema) return undefined;
  if (has > schema) return exchange(stateDir, owner, has, readable(stateDir, owner, schema, has));
  asOwner(owner, () => keepCopy(stateDir, has));
  return undefined;
}

/** Puts back the store of `schema`, where a daemon has changed it since, or another was put in its place. */
export function restoreStore(stateDir: string, owner: Identity, schema: number): LeftVms | undefined {
  const has = schemaOf(stateDir, owner);
  return has === undefined || has === schema ? undefined : exchange(stateDir, owner, has, schema);
}

/** Removes kept stores that no version which is kept reads; not those with disks of VMs that were laid aside, which somebody may want. */
export function pruneStores(stateDir: string, owner: Identity, keep: readonly number[]): void {
  asOwner(owner, () => {
    if (!existsSync(keptStores(stateDir))) return;
    for (const name of readdirSync(keptStores(stateDir))) {
      const disks = join(keptStores(stateDir), name, "vms");
      if (keep.includes(Number(name)) || (existsSync(disks) && readdirSync(disks).length > 0)) continue;
      rmSync(join(keptStores(stateDir), name), { recursive: true, force: true });
    }
  });
}

function readable(stateDir: string, owner: Identity, schema: number, has: number): number {
  const names = asOwner(owner, () => (existsSync(keptStores(stateDir)) ? readdirSync(keptStores(stateDir)) : []));
  const newest = Math.max(...names.map(Number).filter((kept) => kept <= schema));
  if (Number.isFinite(newest)) return newest;
  throw new BangerError(
    "bad_version",
    `the store has schema ${has}, this version reads ${schema}, and none that it could read was kept`,
    { details: { hint: "Only a newer version can go on with it; install that." } },
  );
}

function keepCopy(stateDir: string, schema: number): void {
  mkdirSync(keptStore(stateDir, schema), { recursive: true, mode: 0o700 });
  copyWhole(database(stateDir), join(keptStore(stateDir, schema), "banger.db"));
}

/** Lays the store of schema `has` aside with the VMs that only it knows, and puts a copy of the kept one of schema `wanted` in its place. */
function exchange(stateDir: string, owner: Identity, has: number, wanted: number): LeftVms {
  return asOwner(owner, () => {
    const [here, aside, kept] = [database(stateDir), keptStore(stateDir, has), keptStore(stateDir, wanted)];
    const known = new Set(inDatabase(join(kept, "banger.db"), vmsIn).map(({ id }) => id));
    const left = inDatabase(here, vmsIn).filter(({ id }) => !known.has(id));
    mkdirSync(join(aside, "vms"), { recursive: true, mode: 0o700 });
    copyWhole(here, join(aside, "banger.db"));
    // No daemon that doesn't know a VM may take its disk for something left over.
    for (const { id } of left) move(join(stateDir, "vms", id), join(aside, "vms", id));
    // Those that this store knows, if an exchange the other way laid them aside.
    for (const id of known) move(join(kept, "vms", id), join(stateDir, "vms", id));
    // At one moment, and last: without a store a daemon would begin an empty one, and take every disk for something left over.
    copyWhole(join(kept, "banger.db"), here);
    return { names: left.map(({ name }) => name), directory: aside };
  });
}

/** Copies a file so that there is all of it under its new name, or what was there before. */
function copyWhole(from: string, to: string): void {
  const draft = `${to}.new`;
  rmSync(draft, { force: true });
  copyFileSync(from, draft, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
  const fd = openSync(draft, "r+");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(draft, to);
}

function move(from: string, to: string): void {
  if (existsSync(from) && !existsSync(to)) renameSync(from, to);
}

function inDatabase<T>(path: string, work: (database: DatabaseSync) => T): T {
  const opened = new DatabaseSync(path);
  try {
    // As the daemon has it; and what its log holds is in the file itself when this closes it.
    opened.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA wal_checkpoint(TRUNCATE)");
    return work(opened);
  } finally {
    opened.close();
  }
}

function schemaIn(opened: DatabaseSync): number {
  return Number(opened.prepare("PRAGMA user_version").get()?.["user_version"]);
}

function vmsIn(opened: DatabaseSync): { id: string; name: string }[] {
  return opened.prepare("SELECT id, name FROM vms").all() as { id: string; name: string }[];
}
