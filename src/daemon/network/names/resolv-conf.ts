import { readFileSync, statSync } from "node:fs";
import { isIP } from "node:net";
import { getSystemErrorMessage } from "node:util";

/** What a host says about names (resolver(5)). */
export interface ResolvConf {
  readonly servers: readonly string[];
  readonly search: readonly string[];
  /** Why it can't be read; the rest is what it said before. */
  readonly unreadable?: string;
}

/** As many as a resolver heeds. */
const [mostServers, mostSearch] = [3, 6];
const mostBytes = 64 * 1024;
const nothing: ResolvConf = { servers: [], search: [] };

/** Reads the lines that matter, as the C library does: a keyword begins its line, the last `search` or `domain` counts, what makes no sense is passed over. */
export function parseResolvConf(text: string): ResolvConf {
  const servers: string[] = [];
  let search: string[] = [];
  for (const line of text.split("\n")) {
    const [, keyword, rest = ""] = /^(nameserver|search|domain)[ \t]+([^]*)$/.exec(line) ?? [];
    const words = rest.split(/[\s#;]+/).filter((word) => word !== "");
    if (keyword === "nameserver" && isIP(words[0] ?? "") !== 0) servers.push(words[0] ?? "");
    if (keyword === "search" || keyword === "domain") search = words.filter(isDomain);
  }
  return { servers: servers.slice(0, mostServers), search: search.slice(0, mostSearch) };
}

/** What a file says now: it is read again when it has changed, or another has come in its place; one that isn't there, or is no file, says nothing, and one that can't be read what it said last: names go on, and no start fails for it. */
export function watchResolvConf(path: string): () => ResolvConf {
  let known = { mark: "", says: nothing };
  return () => {
    try {
      const mark = markOf(path);
      if (mark === undefined) return nothing;
      if (mark !== known.mark) known = { mark, says: read(path) };
      return known.says;
    } catch (error) {
      return { ...known.says, unreadable: reasonOf(error as NodeJS.ErrnoException) };
    }
  };
}

/** A file's identity and state; a link's is its target's. */
function markOf(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false, bigint: true });
  if (found === undefined || !found.isFile() || found.size > mostBytes) return undefined;
  return [found.dev, found.ino, found.size, found.mtimeNs, found.ctimeNs].join(" ");
}

function read(path: string): ResolvConf {
  return parseResolvConf(readFileSync(path, "utf8"));
}

function reasonOf({ errno, message }: NodeJS.ErrnoException): string {
  return errno === undefined ? message : (getSystemErrorMessage(errno) ?? message);
}

function isDomain(word: string): boolean {
  return (
    /^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?$/.test(word) &&
    word.length < 254
  );
}
