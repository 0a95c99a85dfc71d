import { BangerError } from "../../rpc/contract/errors.ts";
import { findOne } from "./find-one.ts";
import type { Store } from "./store.ts";

/** Something that is stored by its content and called by a name. */
interface Content {
  readonly id: string;
  readonly name: string;
}

/** The columns that say what a VM is made of. */
const uses = { images: "image_id", kernels: "kernel_id" } as const;
const nouns = { images: "image", kernels: "kernel" } as const;

/** The records of images or of kernels. */
export class ContentRecords<T extends Content> {
  readonly #database: Store;
  readonly #table: keyof typeof uses;

  constructor(database: Store, table: keyof typeof uses) {
    this.#database = database;
    this.#table = table;
  }

  list(): T[] {
    return this.#database.prepare(`SELECT * FROM ${this.#table} ORDER BY created_at, id`).all() as unknown as T[];
  }

  find(reference: string): T {
    const { id } = findOne(this.#database, this.#table, reference);
    return this.byId(id) as T;
  }

  byId(id: string): T | undefined {
    return this.#database.prepare(`SELECT * FROM ${this.#table} WHERE id = ?`).get(id) as unknown as T | undefined;
  }

  /** The one that was made last. */
  newest(howToMake: string): T {
    const row = this.#database.prepare(`SELECT * FROM ${this.#table} ORDER BY created_at DESC, id LIMIT 1`).get();
    if (row === undefined) {
      const noun = nouns[this.#table];
      throw new BangerError("not_found", `${noun}: there is none yet; make one with \`${howToMake}\``, {
        details: { field: noun },
      });
    }
    return row as unknown as T;
  }

  mustBeFree(name: string): void {
    if (this.#database.prepare(`SELECT 1 FROM ${this.#table} WHERE name = ?`).get(name) === undefined) return;
    const noun = nouns[this.#table];
    throw new BangerError(
      "already_exists",
      `name: ${noun === "image" ? "an" : "a"} ${noun} is called ${name} already`,
      {
        details: { field: "name" },
      },
    );
  }

  /** Adds a record, if its content is not there under another name. */
  insert(content: T): void {
    const same = this.byId(content.id);
    if (same !== undefined) {
      throw new BangerError("already_exists", `this very ${nouns[this.#table]} is there already, as ${same.name}`, {
        details: { field: "name", id: same.id, name: same.name },
      });
    }
    const columns = Object.keys(content);
    this.#database
      .prepare(`INSERT INTO ${this.#table} (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`)
      .run(...(Object.values(content) as (string | number)[]));
  }

  /** The names of the VMs that use it. */
  usedBy(id: string): string[] {
    return this.#database
      .prepare(`SELECT name FROM vms WHERE ${uses[this.#table]} = ? ORDER BY name`)
      .all(id)
      .map((row) => String(row["name"]));
  }

  /** Removes a record that no VM uses. */
  remove(reference: string): T {
    const content = this.find(reference);
    const users = this.usedBy(content.id);
    if (users.length > 0) {
      const some = users.length > 5 ? `${users.slice(0, 5).join(", ")}, …` : users.join(", ");
      throw new BangerError("in_use", `${nouns[this.#table]}: ${content.name} is used by ${some}`, {
        details: { used_by: users },
      });
    }
    this.#database.prepare(`DELETE FROM ${this.#table} WHERE id = ?`).run(content.id);
    return content;
  }
}
