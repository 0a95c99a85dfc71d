import { statSync } from "node:fs";
import { BangerError } from "../../rpc/contract/errors.ts";
import { ConfigError } from "./config-error.ts";
import { type ParsedConfig, parseConfig } from "./parse-config.ts";
import { readText } from "./read-text.ts";

/** What the owner's config file says now. */
export interface ReadConfig extends ParsedConfig {
  /** Undefined where the owner has no home. */
  readonly path: string | undefined;
  readonly present: boolean;
}

/** So much of what is wrong with a file is told at once. */
const mostProblems = 5;
const nothing: ParsedConfig = { values: { defaults: {} }, lines: new Map() };

/** The owner's config file: read when something hangs on it, and again only when it is another than before. */
export class UserConfig {
  readonly #path: string | undefined;
  #seen: { readonly as: string; readonly read: () => ReadConfig } | undefined;

  constructor(path: string | undefined) {
    this.#path = path;
  }

  /** What it says; `bad_config` where it can't be taken at its word. */
  read(): ReadConfig {
    const path = this.#path;
    if (path === undefined) return { path, present: false, ...nothing };
    const as = identityOf(path);
    if (as === undefined || this.#seen?.as !== as) this.#seen = { as: as ?? "", read: remembered(() => readAt(path)) };
    return this.#seen.read();
  }
}

/** What tells a file from the one that was there before; undefined where that can't be seen, as where there is none. */
function identityOf(path: string): string | undefined {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(" ");
  } catch {
    return undefined;
  }
}

function readAt(path: string): ReadConfig {
  try {
    const text = readText(path);
    return { path, present: text !== undefined, ...(text === undefined ? nothing : parseConfig(text)) };
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause;
    throw badConfig(path, cause);
  }
}

function badConfig(path: string, cause: ConfigError): BangerError {
  const told = cause.problems
    .slice(0, mostProblems)
    .map(({ line, text }) => `${path}${line === undefined ? "" : `:${line}`}: ${text}`);
  const more = cause.problems.length - told.length;
  return new BangerError("bad_config", [...told, ...(more > 0 ? [`and ${more} more`] : [])].join("; "), { cause });
}

/** Done once; what it throws of the file is thrown each time, and what the host refuses is tried again. */
function remembered<T>(work: () => T): () => T {
  let outcome: { readonly value: T } | { readonly error: unknown } | undefined;
  return () => {
    if (outcome === undefined) {
      try {
        outcome = { value: work() };
      } catch (error) {
        if (!(error instanceof BangerError)) throw error;
        outcome = { error };
      }
    }
    if ("error" in outcome) throw outcome.error;
    return outcome.value;
  };
}
