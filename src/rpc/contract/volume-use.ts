import { z } from "zod";

/** A volume that a VM is to have, as a person writes it. */
export interface VolumeUse {
  readonly name: string;
  /** Where its guest mounts it. */
  readonly path: string;
  /** What it is made with where there is none of this name. */
  readonly sizeMib: number | undefined;
}

const form =
  /^(?<name>[a-z][a-z0-9-]{0,30}[a-z0-9]|[a-z]):(?<path>\/[^:\p{C}]+)(?::(?<amount>[1-9]\d{0,7})(?<unit>[MGT]))?$/u;
const mebibytes = { M: 1, G: 1024, T: 1024 * 1024 } as const;
const [leastMib, mostMib] = [64, 16_777_216];
/** Bytes: what init has room for. */
const longestPath = 200;
/** What a guest's own init mounts there would hide a volume, or the other way round. */
const kernels = ["proc", "sys", "dev", "run"];

/** Reads `NAME:/PATH` or `NAME:/PATH:SIZE`; undefined for anything else. */
export function readVolumeUse(text: string): VolumeUse | undefined {
  const { name, path, amount, unit } = form.exec(text)?.groups ?? {};
  if (name === undefined || path === undefined) return undefined;
  return {
    name,
    path,
    sizeMib: amount === undefined ? undefined : Number(amount) * mebibytes[unit as keyof typeof mebibytes],
  };
}

/** `NAME:/PATH[:SIZE]`. */
export const volumeUse = z
  .string()
  .regex(
    form,
    "must be NAME:/PATH or NAME:/PATH:SIZE, like data:/srv/data:10G; the path is not / itself, and has neither : nor line ends",
  )
  .refine(hasPlainPath, `must have a path without empty parts, . and .., of at most ${longestPath} bytes`)
  .refine(leavesTheKernelIts, "can't be mounted in /proc, /sys, /dev or /run: what is there is the guest's own")
  .refine(hasFitSize, "must have a size from 64M to 16T");

function hasPlainPath(text: string): boolean {
  const path = readVolumeUse(text)?.path ?? "/ill-formed";
  const parts = path.split("/").slice(1);
  return Buffer.byteLength(path) <= longestPath && !parts.some((part) => ["", ".", ".."].includes(part));
}

function leavesTheKernelIts(text: string): boolean {
  const [, top = ""] = readVolumeUse(text)?.path.split("/") ?? [];
  return !kernels.includes(top);
}

function hasFitSize(text: string): boolean {
  const mib = readVolumeUse(text)?.sizeMib ?? leastMib;
  return mib >= leastMib && mib <= mostMib;
}
