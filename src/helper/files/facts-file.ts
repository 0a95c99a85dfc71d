import { closeSync, constants, fstatSync, openSync, readFileSync, renameSync } from "node:fs";
import { BangerError } from "../../rpc/contract/errors.ts";
import { errnoName } from "../../rpc/errno-name.ts";
import type { NetworkFacts, VmFacts } from "./facts.ts";

/** Facts are a few hundred bytes; a file of more isn't one. */
const mostBytes = 64 * 1024;

/** What the kernel says of a link, a socket or a device in a file's place; anything else says nothing of the file. */
const noFile: ReadonlySet<string> = new Set(["ELOOP", "ENXIO", "ENODEV"]);

type Fields = Readonly<Record<string, unknown>>;

/** True for what a file about one VM holds. */
export function isVmFacts(value: unknown): value is VmFacts {
  if (!isFields(value) || !isText(value["vm_id"]) || !isCount(value["uid"])) return false;
  const { tap, vmm, disk, exit } = value;
  return (
    isAbsentOr(disk, (of) => isCount(of["generation"])) &&
    isAbsentOr(
      tap,
      (of) =>
        isText(of["address"]) &&
        isText(of["mac"]) &&
        isAbsentOrCount(of["generation"]) &&
        isAbsentOrTruth(of["isolated"]),
    ) &&
    isAbsentOr(
      vmm,
      (of) =>
        isCount(of["generation"]) &&
        isText(of["started_at"]) &&
        (of["pid"] === undefined || isProcess(of)) &&
        isAbsentOr(of["recorder"], isProcess) &&
        (of["kind"] === undefined || of["kind"] === "firecracker") &&
        (of["volumes"] === undefined || (Array.isArray(of["volumes"]) && of["volumes"].every(isText))),
    ) &&
    isAbsentOr(
      exit,
      (of) =>
        isCount(of["generation"]) && isNullOrNumber(of["status"]) && isNullOrNumber(of["signal"]) && isText(of["at"]),
    )
  );
}

/** True for what the file about the network holds. */
export function isNetworkFacts(value: unknown): value is NetworkFacts {
  if (!isFields(value)) return false;
  const { bridge, names, ip_forward_was: was } = value;
  return isAbsentOrTruth(bridge) && isAbsentOrTruth(names) && (was === undefined || was === "0" || was === "1");
}

/** True for what the file about uids holds. */
export function isLastUid(value: unknown): value is { readonly uid?: number } {
  return isFields(value) && isAbsentOrCount(value["uid"]);
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isAbsentOr(value: unknown, is: (fields: Fields) => boolean): boolean {
  return value === undefined || (isFields(value) && is(value));
}

function isProcess(of: Fields): boolean {
  return isCount(of["pid"]) && isText(of["starttime"]) && isText(of["boot_id"]);
}

function isText(value: unknown): boolean {
  return typeof value === "string";
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) > 0;
}

function isAbsentOrCount(value: unknown): boolean {
  return value === undefined || isCount(value);
}

function isNullOrNumber(value: unknown): boolean {
  return value === null || typeof value === "number";
}

function isAbsentOrTruth(value: unknown): boolean {
  return value === undefined || typeof value === "boolean";
}

/** Reads a file of facts: root's own, whole, and what it should be. What isn't is laid aside, with the reason; a good one that can't be read now is left. */
export function readFactsFile<T>(
  path: string,
  is: (value: unknown) => value is T,
): { facts: T } | { laidAside: string } {
  try {
    const value: unknown = JSON.parse(textOf(path));
    if (!is(value)) throw new Error("it lacks a field, or has one of another kind");
    return { facts: value };
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (syscall !== undefined && !noFile.has(code ?? "")) {
      throw new Error(`facts: ${path} can't be read (${code}); see to it as root, and start bangerd-root again`, {
        cause: error,
      });
    }
    renameSync(path, `${path}.bad-${Date.now()}`);
    return { laidAside: error instanceof Error ? error.message : String(error) };
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
  const code = errnoName(cause);
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new BangerError("no_space", `the helper's run directory is full: ${path} can't be written`, { cause });
  }
  const next = code === "ENOENT" || code === "ENOTDIR" ? "it was removed: restart bangerd-root" : "see to it as root";
  return new BangerError("command_failed", `the helper's run directory can't be written (${path}: ${code}); ${next}`, {
    cause,
  });
}
