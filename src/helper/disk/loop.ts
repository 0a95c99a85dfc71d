import { closeSync, fstatSync, openSync } from "node:fs";
import { KernelError, type Libc } from "../kernel/libc.ts";
import {
  LOOP_CONFIGURE,
  LOOP_CTL_GET_FREE,
  LOOP_GET_STATUS64,
  LOOP_SET_CAPACITY,
  loopConfig,
  type LoopSpec,
  loopInode,
} from "./loop-request.ts";

/** Where loop devices are asked for. */
const loopControl = "/dev/loop-control";
const loopMajor = 7;
/** Others take loop devices too, perhaps the one that was free just now. */
const attempts = 16;

/** A loop device that is there as long as its descriptor, or somebody else, has it open. */
export interface Loop {
  readonly fd: number;
  /** Its number, as a device-mapper's table has it: `7:3`. */
  readonly device: string;
}

/** Makes a loop device of an open file. */
export function attachLoop(libc: Libc, spec: LoopSpec): Loop {
  const control = openSync(loopControl, "r+");
  try {
    for (let attempt = 1; ; attempt++) {
      const number = libc.ioctl(control, LOOP_CTL_GET_FREE, 0);
      const fd = openLoop(number, spec.readOnly ? "r" : "r+");
      try {
        libc.ioctl(fd, LOOP_CONFIGURE, loopConfig(spec));
        return { fd, device: `${loopMajor}:${number}` };
      } catch (error) {
        closeSync(fd);
        if (!(error instanceof KernelError && error.code === "EBUSY") || attempt === attempts) throw error;
      }
    }
  } finally {
    closeSync(control);
  }
}

/** Looks whether a loop device can be had; throws why not: a container has the control, and perhaps no device. */
export function tryLoop(libc: Libc): void {
  const control = openSync(loopControl, "r+");
  try {
    closeSync(openLoop(libc.ioctl(control, LOOP_CTL_GET_FREE, 0), "r+"));
  } finally {
    closeSync(control);
  }
}

/** Tells the loop device of an open file, `7:3`, that the file has become longer; refuses one of another file. */
export function growLoop(libc: Libc, device: string, file: number): void {
  const fd = openLoop(Number(device.slice(device.indexOf(":") + 1)), "r+");
  try {
    const status = Buffer.alloc(232);
    libc.ioctl(fd, LOOP_GET_STATUS64, status);
    if (loopInode(status) !== fstatSync(file, { bigint: true }).ino) {
      throw Object.assign(new Error(`loop device ${device} is of another file`), { syscall: "ioctl" });
    }
    libc.ioctl(fd, LOOP_SET_CAPACITY, 0);
  } finally {
    closeSync(fd);
  }
}

/** Opens it, and looks whether it is one. */
function openLoop(number: number, flags: "r" | "r+"): number {
  const path = `/dev/loop${number}`;
  const fd = openSync(path, flags);
  const stat = fstatSync(fd);
  // As the kernel packs small numbers: the major above eight bits of the minor.
  if (stat.isBlockDevice() && ((stat.rdev >> 8) & 0xfff) === loopMajor) return fd;
  closeSync(fd);
  throw Object.assign(new Error(`${path} is no loop device`), { code: "ENODEV", syscall: "open", path });
}
