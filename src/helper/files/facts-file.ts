import { closeSync, constants, fstatSync, openSync, readFileSync, renameSync } from "node:fs";
import { z } from "zod";
import { BangerError } from "../../rpc/contract/errors.ts";

/** Facts are a few hundred bytes; a file of more isn't one. */
const mostBytes = 64 * 1024;

const processFacts = z.object({ pid: z.int().min(1), starttime: z.string(), boot_id: z.string() });
const generation = z.int().min(1);

/** What a file about one VM holds. */
export const vmFactsFile = z.object({
  vm_id: z.string(),
  uid: z.int().min(1),
  tap: z.object({ address: z.string(), mac: z.string(), generation: generation.optional() }).optional(),
  vmm: processFacts
    .partial()
    .extend({ generation, started_at: z.string(), recorder: processFacts.optional() })
    .optional(),
  exit: z.object({ generation, status: z.int().nullable(), signal: z.int().nullable(), at: z.string() }).optional(),
});

/** What the file about the network holds. */
export const networkFactsFile = z.object({
  bridge: z.boolean().optional(),
  ip_forward_was: z.enum(["0", "1"]).optional(),
});

/** What the file about uids holds. */
export const lastUidFile = z.object({ uid: z.int().min(0).optional() });

/** Reads a file of facts: root's own, whole, and what it should be. What isn't is laid aside, with the reason. */
export function readFactsFile<T>(path: string, of: z.ZodType<T>): { facts: T } | { laidAside: string } {
  try {
    return { facts: of.parse(JSON.parse(textOf(path))) };
  } catch (error) {
    renameSync(path, `${path}.bad-${Date.now()}`);
    return { laidAside: error instanceof z.ZodError ? (error.issues[0]?.message ?? "not facts") : String(error) };
  }
}

function textOf(path: string): string {
  // Not blocking: a FIFO in its place must not hold the start up.
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new Error("not a regular file");
    if (stat.uid !== 0 || (stat.mode & 0o022) !== 0) throw new Error(`writable by others than root (uid ${stat.uid})`);
    if (stat.size > mostBytes) throw new Error(`${stat.size} bytes are more than ${mostBytes}`);
    return readFileSync(fd, "utf8");
  } finally {
    closeSync(fd);
  }
}

/** A file of facts could not be written: why, and what to do. */
export function unwritable(path: string, cause: unknown): BangerError {
  const { code = "" } = cause as NodeJS.ErrnoException;
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new BangerError("no_space", `the helper's run directory is full: ${path} can't be written`, { cause });
  }
  const next = code === "ENOENT" || code === "ENOTDIR" ? "it was removed: restart bangerd-root" : "see to it as root";
  return new BangerError("command_failed", `the helper's run directory can't be written (${path}: ${code}); ${next}`, {
    cause,
  });
}
