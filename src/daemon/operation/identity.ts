import { createHash } from "node:crypto";

/** What makes two requests under one op_id the same: the method, and a digest of the parameters, which may hold what nobody else should read. */
export function identityOf(method: string, params: unknown): string {
  const digest = createHash("sha256").update(JSON.stringify(params ?? null, inOrder));
  return `${method} ${digest.digest("hex")}`;
}

/** The method of an identity; of an operation that was stored before there were any, what its trace is called. */
export function methodOf({ identity, name }: { readonly identity: string | null; readonly name: string }): string {
  return identity?.split(" ", 1)[0] ?? name;
}

function inOrder(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
