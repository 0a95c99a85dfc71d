import { BangerError } from "../../rpc/contract/errors.ts";
import { findOne } from "./find-one.ts";
import type { Store } from "./store.ts";

/** Something that is stored by its content and called by a name. */
interface Content {
  readonly id: string;
  readonly name: string;
  /** True for the one that is taken where none is named. */
  readonly default?: boolean | undefined;
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
    const rows = this.#database.prepare(`SELECT * FROM ${this.#table} ORDER BY created_at, id`).all();
    return rows.map((row) => this.#content(row));
  }

  find(reference: string): T {
    const { id } = findOne(this.#database, this.#table, reference);
    return this.byId(id) as T;
  }

  byId(id: string): T | undefined {
    const row = this.#database.prepare(`SELECT * FROM ${this.#table} WHERE id = ?`).get(id);
    return row === undefined ? undefined : this.#content(row);
  }

  /** The one that is taken where none is named: it stays what it is until another one is made it. */
  theDefault(howToMake: string): T {
    const row = this.#database.prepare(`SELECT * FROM ${this.#table} WHERE is_default`).get();
    if (row !== undefined) return this.#content(row);
    const noun = nouns[this.#table];
    const details = { field: noun };
    if (this.#database.prepare(`SELECT 1 FROM ${this.#table} LIMIT 1`).get() === undefined) {
      throw new BangerError("not_found", `${noun}: there is none yet; make one with \`${howToMake}\``, { details });
    }
    throw new BangerError(
      "bad_params",
      `${noun}: none of them is the default; name one with --${noun}, or make one the default with \`banger ${noun} default NAME\``,
      { details },
    );
  }

  makeDefault(reference: string): T {
    const { id } = this.find(reference);
    this.#database.prepare(`UPDATE ${this.#table} SET is_default = (id = ?1) WHERE is_default OR id = ?1`).run(id);
    return this.byId(id) as T;
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

  /** Adds a record, if its content is not there under another name. The first one is the default, a later one when it is asked to be. */
  insert(content: T, asDefault = false): T {
    const same = this.byId(content.id);
    if (same !== undefined) {
      throw new BangerError("already_exists", `this very ${nouns[this.#table]} is there already, as ${same.name}`, {
        details: { field: "name", id: same.id, name: same.name },
      });
    }
    const columns = Object.keys(content);
    return this.#database.write(() => {
      this.#database
        .prepare(
          `INSERT INTO ${this.#table} (${columns.join(", ")}, is_default) VALUES (${columns.map(() => "?").join(", ")}, NOT EXISTS (SELECT 1 FROM ${this.#table}))`,
        )
        .run(...(Object.values(content) as (string | number)[]));
      return asDefault ? this.makeDefault(content.id) : (this.byId(content.id) as T);
    });
  }

  /** The names of the VMs that use it. */
  usedBy(id: string): string[] {
    return this.#database
      .prepare(`SELECT name FROM vms WHERE ${uses[this.#table]} = ? ORDER BY name`)
      .all(id)
      .map((row) => String(row["name"]));
  }

  /** The one that a person means, if no VM uses it. */
  mustBeUnused(reference: string): T {
    const content = this.find(reference);
    const users = this.usedBy(content.id);
    if (users.length > 0) {
      const some = users.length > 5 ? `${users.slice(0, 5).join(", ")}, …` : users.join(", ");
      throw new BangerError("in_use", `${nouns[this.#table]}: ${content.name} is used by ${some}`, {
        details: { used_by: users },
      });
    }
    return content;
  }

  /** Removes a record that no VM uses. Where only one is left, that is the default. */
  remove(reference: string): T {
    const content = this.mustBeUnused(reference);
    this.#database.write(() => {
      this.#database.prepare(`DELETE FROM ${this.#table} WHERE id = ?`).run(content.id);
      this.#database
        .prepare(`UPDATE ${this.#table} SET is_default = 1 WHERE (SELECT COUNT(*) FROM ${this.#table}) = 1`)
        .run();
    });
    return content;
  }

  #content({ is_default: isDefault, ...row }: Record<string, unknown>): T {
    return { ...row, default: isDefault === 1 } as unknown as T;
  }
}
