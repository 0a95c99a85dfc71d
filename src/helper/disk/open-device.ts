import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { HelperDeps } from "../deps.ts";

const { O_NONBLOCK, O_RDWR } = constants;
// Node's own isn't there on every system (fcntl.h, x86-64).
const O_DIRECT = 0o40000;

/**
 * Opens the device that is a VM's root disk, for its VMM, past the host's cache: what was written there fails when it is
 * written, not when it has been acknowledged.
 */
export function openDiskDevice({ facts, layout, mapper }: HelperDeps, vmId: string, generation: number): number {
  const { name, uuid } = layout.diskDevice(vmId);
  const device = facts.vm(vmId)?.disk?.generation === generation ? mapper.find(uuid) : undefined;
  if (device?.active !== true)
    throw new BangerError("not_found", `VM ${vmId} has no device ${name}; attach its disk first`);
  const path = `/dev/dm-${device.minor}`;
  const fd = open(path);
  const stat = fstatSync(fd);
  // Looked for again, now that it can't be exchanged any more.
  if (stat.isBlockDevice() && minorOf(stat.rdev) === mapper.find(uuid)?.minor) return fd;
  closeSync(fd);
  throw new BangerError("command_failed", `${path} is not the device ${name}`);
}

function open(path: string): number {
  try {
    return openSync(path, O_RDWR | O_DIRECT | O_NONBLOCK);
  } catch (cause) {
    const { code = "unknown" } = cause as NodeJS.ErrnoException;
    throw new BangerError("command_failed", `${path} can't be opened (${code})`, {
      cause,
      details: { hint: "/dev must be the kernel's own (devtmpfs), in which devices come and go." },
    });
  }
}

/** As the C library unpacks it (makedev(3)), below 2^32. */
function minorOf(rdev: number): number {
  return (rdev & 0xff) | ((rdev >>> 12) & 0xfff_ff00);
}
