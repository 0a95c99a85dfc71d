import { chmodSync, mkdirSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Layout } from "../../installation/layout.ts";
import type { Run } from "../process/run.ts";
import { inScratch } from "../store/scratch.ts";

/** What making a volume's disk needs. */
export interface VolumeDiskDeps {
  readonly layout: Pick<Layout, "volume" | "scratch">;
  readonly run: Run;
}

const mib = 1024 * 1024;
/** Of stat(2)'s `blocks`. */
const blockBytes = 512;
/** By this a guest's init knows a volume that it is to fill (docs/guest-protocol.md, "Volumes"). */
const unfilled = ".banger-new";

/** Makes a volume's disk, an empty ext4 file system with holes, and calls `record` once it is in its place; it goes where that fails. */
export async function makeVolumeDisk(
  { layout, run }: VolumeDiskDeps,
  { id, sizeMib, signal }: { readonly id: string; readonly sizeMib: number; readonly signal: AbortSignal },
  record: () => void,
): Promise<void> {
  await inScratch(layout, async (scratch) => {
    const [tree, disk] = [join(scratch, "tree"), join(scratch, "disk")];
    mkdirSync(tree, { mode: 0o755 });
    writeFileSync(join(tree, unfilled), "");
    writeFileSync(disk, "", { mode: 0o600 });
    truncateSync(disk, sizeMib * mib);
    // As for an image: what is zero costs nothing, and the guest's kernel has no inode tables to make zero.
    const extended = "root_owner=0:0,discard,lazy_journal_init=1";
    const args = ["-q", "-F", "-t", "ext4", "-T", "default", "-m", "0", "-L", id, "-E", extended, "-d", tree, disk];
    await run({ file: "mke2fs", args, on: disk, signal });
    chmodSync(disk, 0o600);
    const place = layout.volume(id);
    mkdirSync(dirname(place), { recursive: true, mode: 0o700 });
    renameSync(disk, place);
    try {
      record();
    } catch (error) {
      rmSync(place, { force: true });
      throw error;
    }
  });
}

/** Makes a disk that no VMM has as large as its record says; it never becomes smaller. */
export function growVolumeDisk({ layout }: Pick<VolumeDiskDeps, "layout">, id: string, sizeMib: number): void {
  const place = layout.volume(id);
  if (statSync(place).size < sizeMib * mib) truncateSync(place, sizeMib * mib);
}

/** MiB that a volume's disk takes on the host; null where it is missing. */
export function usedMib({ layout }: Pick<VolumeDiskDeps, "layout">, id: string): number | null {
  const stat = statSync(layout.volume(id), { throwIfNoEntry: false });
  return stat === undefined ? null : Math.ceil((stat.blocks * blockBytes) / mib);
}

/** Removes a volume's disk and, in between, what `forget` removes: put aside first, so that what a daemon's end cuts off is found, and put back or removed by whether the record is there. */
export function removeVolumeDisk({ layout }: Pick<VolumeDiskDeps, "layout">, id: string, forget: () => void): void {
  const [place, aside] = [layout.volume(id), join(layout.scratch, `volume-${id}`)];
  const isThere = statSync(place, { throwIfNoEntry: false }) !== undefined;
  if (isThere) {
    mkdirSync(layout.scratch, { recursive: true, mode: 0o700 });
    renameSync(place, aside);
  }
  try {
    forget();
  } catch (error) {
    if (isThere) renameSync(aside, place);
    throw error;
  }
  rmSync(aside, { force: true, recursive: true });
}
