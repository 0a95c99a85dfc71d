import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Layout } from "../../installation/layout.ts";
import { entriesOf } from "../process/entries-of.ts";
import type { Store } from "./store.ts";

/** What looking at what the store has records of needs. */
export interface PlacesDeps {
  readonly layout: Pick<Layout, "vms" | "images" | "kernels">;
  readonly database: Store;
}

/** A directory that is named as one that has a record. */
export interface Place {
  readonly what: "vm" | "image" | "kernel";
  readonly id: string;
  /** Where it is, whatever it is called there. */
  readonly path: string;
  /** True where it is called so that nobody takes it for whole: it goes, or comes, with its record. */
  readonly half: boolean;
  readonly recorded: boolean;
}

const ending = ".half";

/** What a directory is called from before its record goes, or until its record is there. Beside its place: that may be another file system than scratch. */
export function halfOf(place: string): string {
  return `${place}${ending}`;
}

/** All directories whose names say that they are a VM's, an image's or a kernel's. What has another name isn't banger's. */
export function allPlaces({ layout, database }: PlacesDeps): Place[] {
  const vmId = /^[0-9a-f]{16}$/;
  const digest = /^[0-9a-f]{64}$/;
  const kinds = [
    { what: "vm", table: "vms", directory: layout.vms, named: vmId },
    { what: "image", table: "images", directory: layout.images, named: digest },
    { what: "kernel", table: "kernels", directory: layout.kernels, named: digest },
  ] as const;
  return kinds.flatMap(({ what, table, directory, named }) => {
    const rows = database.prepare(`SELECT id FROM ${table}`).all();
    const known = new Set(rows.map((row) => row["id"]));
    return entriesOf(directory).flatMap((name) => {
      const half = name.endsWith(ending);
      const id = half ? name.slice(0, -ending.length) : name;
      return named.test(id) ? [{ what, id, path: join(directory, name), half, recorded: known.has(id) }] : [];
    });
  });
}

/** What has no record, and was nothing's half: the record was lost, or never was. It may be the only copy of somebody's work. */
export function unownedPlaces(deps: PlacesDeps): Place[] {
  return allPlaces(deps).filter(({ half, recorded }) => !half && !recorded);
}

/** Where a half belongs whose record is there; undefined where something is there already. */
export function homeOf({ path, half, recorded }: Place): string | undefined {
  if (!half || !recorded) return undefined;
  const home = path.slice(0, -ending.length);
  return existsSync(home) ? undefined : home;
}
