import { BangerError } from "../../rpc/contract/errors.ts";
import type { Store } from "./store.ts";

/** The tables whose rows a person names. */
const nouns = { images: "image", kernels: "kernel", vms: "vm", volumes: "volume" } as const;

/** So many candidates are named when a prefix fits several. */
const namedCandidates = 5;

/** The row that a reference means: the one of that name or id, else the only one whose name or id begins so. */
export function findOne(database: Store, table: keyof typeof nouns, reference: string): { id: string; name: string } {
  const exact = database
    .prepare(
      `SELECT id, name FROM ${table} WHERE name = ?1 UNION ALL SELECT id, name FROM ${table} WHERE id = ?1 LIMIT 1`,
    )
    .get(reference);
  if (exact !== undefined) return { id: String(exact["id"]), name: String(exact["name"]) };
  // References are of a-z, 0-9 and -, all of which sort below `~`.
  const found = database
    .prepare(
      `SELECT id, name FROM ${table} WHERE name >= ?1 AND name < ?2 UNION SELECT id, name FROM ${table} WHERE id >= ?1 AND id < ?2 LIMIT ?3`,
    )
    .all(reference, `${reference}~`, namedCandidates + 1);
  const [first] = found;
  const noun = nouns[table];
  if (first === undefined) {
    throw new BangerError("not_found", `${noun}: there is no ${noun} ${JSON.stringify(reference)}`, {
      details: { field: noun, hint: `\`banger ${noun} ls\` lists what there is.` },
    });
  }
  if (found.length > 1) {
    const names = found
      .map((row) => String(row["name"]))
      .toSorted()
      .slice(0, namedCandidates);
    const more = found.length > namedCandidates ? ", …" : "";
    throw new BangerError("ambiguous", `${noun}: ${JSON.stringify(reference)} could be ${names.join(", ")}${more}`, {
      details: { field: noun, candidates: names },
    });
  }
  return { id: String(first["id"]), name: String(first["name"]) };
}
