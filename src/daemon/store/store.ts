import { statSync } from "node:fs";
import { dirname } from "node:path";
import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from "node:sqlite";
import { BangerError } from "../../rpc/contract/errors.ts";
import { isUnwritable, storeError } from "./full-disk.ts";
import { type Reserve, reserveBytes } from "./reserve.ts";

/** A statement of the store. */
export interface Statement {
  run(...parameters: SQLInputValue[]): void;
  get(...parameters: SQLInputValue[]): Record<string, SQLOutputValue> | undefined;
  all(...parameters: SQLInputValue[]): Record<string, SQLOutputValue>[];
}

/** How a statement answers. */
export interface StatementOptions {
  /** Integers come as bigint: nanoseconds don't fit a number. */
  readonly bigInts?: boolean;
}

/** The write-ahead log of a database. */
export function logOf(path: string): string {
  return `${path}-wal`;
}

/** The reserve is tried again this long after a write that found it spent. */
const refillAfterMs = 1_000;

/**
 * The daemon's database. On a full disk a write gives the reserve to it and is tried once more, so that an outcome, an end or
 * a removal is still recorded; when that is spent too, it fails as `no_space`.
 */
export class Store {
  readonly #database: DatabaseSync;
  readonly #reserve: Reserve;
  readonly #directory: string;
  readonly #log: string;
  #inWrite = false;
  #closed = false;
  #refilling: NodeJS.Timeout | undefined;

  constructor(database: DatabaseSync, reserve: Reserve, path: string) {
    this.#database = database;
    this.#reserve = reserve;
    this.#directory = dirname(path);
    this.#log = logOf(path);
  }

  prepare(sql: string, { bigInts = false }: StatementOptions = {}): Statement {
    const statement = this.#attempt(() => {
      const prepared: StatementSync = this.#database.prepare(sql);
      if (bigInts) prepared.setReadBigInts(true);
      return prepared;
    });
    return {
      run: (...parameters) => void this.#attempt(() => statement.run(...parameters)),
      get: (...parameters) => this.#attempt(() => statement.get(...parameters)),
      all: (...parameters) => this.#attempt(() => statement.all(...parameters)),
    };
  }

  /** Does all that `work` writes, or nothing of it. `work` may be done twice, and may not write twice by that: it acts on the store alone. */
  write<T>(work: () => T): T {
    if (this.#inWrite) return work();
    return this.#attempt(() => {
      this.#inWrite = true;
      try {
        this.#database.exec("BEGIN IMMEDIATE");
        const result = work();
        this.#database.exec("COMMIT");
        return result;
      } finally {
        this.#inWrite = false;
        // SQLite has ended the transaction itself where it could not write.
        if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      }
    });
  }

  /** As `write`, for what can wait: refused where the reserve is half spent, which is kept for what can't. */
  writeUnlessFull<T>(work: () => T): T {
    const spent = statSync(this.#log, { throwIfNoEntry: false })?.size ?? 0;
    if (!this.#reserve.whole && this.#refilling !== undefined && spent > reserveBytes / 2) throw this.#full();
    return this.write(work);
  }

  /** Refuses what takes space while the reserve is spent and there is no room to make it whole. */
  async mustHaveRoom(): Promise<void> {
    if (await this.refill()) return;
    throw this.#full();
  }

  /** Makes the reserve whole where there is room; says whether it is. */
  async refill(): Promise<boolean> {
    if (!(await this.#reserve.refill())) return false;
    if (this.#refilling !== undefined && !this.#closed) {
      clearTimeout(this.#refilling);
      this.#refilling = undefined;
      // The log gives back the blocks that it got; while somebody reads it can't, and keeps them until it is begun anew.
      this.#database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    }
    return true;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#refilling);
    this.#database.close();
  }

  /** Does one thing with the database, on a full disk once more with the reserve. A part of a transaction isn't tried again: its whole is. */
  #attempt<T>(work: () => T): T {
    if (this.#inWrite) return work();
    try {
      return work();
    } catch (error) {
      if (!isUnwritable(error) || !this.#reserve.release(this.#log)) throw storeError(error, this.#directory);
    }
    this.#refillLater();
    try {
      return work();
    } catch (error) {
      throw storeError(error, this.#directory);
    }
  }

  #full(): BangerError {
    return new BangerError(
      "no_space",
      `${this.#directory} is full, or its owner's quota used up: what is left is kept for stopping and removing`,
      {
        details: { directory: this.#directory },
      },
    );
  }

  #refillLater(): void {
    if (this.#closed) return;
    clearTimeout(this.#refilling);
    this.#refilling = setTimeout(() => {
      // Where there is no room yet, or the disk fails, it is tried again; whoever needs room asks for itself.
      this.refill().then(
        (whole) => whole || this.#refillLater(),
        () => this.#refillLater(),
      );
    }, refillAfterMs).unref();
  }
}
