import { closeSync, existsSync, openSync } from "node:fs";
import { KernelError, type Libc } from "../kernel/libc.ts";
import {
  type dmCommands,
  dmDevice,
  dmFlags,
  dmIoctl,
  dmNames,
  dmRequest,
  type DmRequest,
  type DmTarget,
  dmTargets,
  dmVersion,
} from "./dm-request.ts";

/** Where device-mapper is asked. */
export const dmControl = "/dev/mapper/control";

/**
 * udev's rules look into no device of ours: what is in there a guest wrote. Its flags (libdevmapper.h): no rules of
 * subsystems, disks and others, and this event is the one that counts.
 */
const leaveAlone = (0x0002 | 0x0004 | 0x0008 | 0x0040) << 16;

/** A device of device-mapper. */
export interface DmDevice {
  readonly uuid: string;
  readonly minor: number;
  /** It has a table; without one it is half made. */
  readonly active: boolean;
}

/** Device-mapper by its ioctls. A device is meant by its uuid, which nothing but its maker gives it. */
export class DeviceMapper {
  readonly #libc: Libc;

  constructor(libc: Libc) {
    this.#libc = libc;
  }

  /** The uuids of all devices, half made ones too. */
  uuids(): string[] {
    if (!isInUse()) return [];
    const names = dmNames(this.#ask("list", {}));
    if (names === undefined) throw Object.assign(new Error("device-mapper has too many devices"), { syscall: "ioctl" });
    return names.flatMap((name) => ifThere(() => dmDevice(this.#ask("status", { name })).uuid) ?? []);
  }

  /** The version of a target, whose module is loaded for that. */
  targetVersion(type: string): readonly [number, number] {
    return dmVersion(this.#ask("targetVersion", { name: type }));
  }

  find(uuid: string): DmDevice | undefined {
    return isInUse() ? ifThere(() => dmDevice(this.#ask("status", { uuid }))) : undefined;
  }

  /** Makes a device that has no table yet; refused where the name or the uuid is taken. */
  create(name: string, uuid: string): void {
    this.#ask("create", { name, uuid });
  }

  /** Exchanges a device's table, between one of its writes and the next. */
  putTable(uuid: string, targets: readonly DmTarget[]): void {
    this.#ask("load", { uuid, targets });
    this.#ask("resume", { uuid, flags: dmFlags.skipLockfs, event: leaveAlone });
  }

  table(uuid: string): DmTarget[] {
    return dmTargets(this.#ask("tableStatus", { uuid, flags: dmFlags.statusTable }));
  }

  /** What each target of a table says of itself. */
  states(uuid: string): DmTarget[] {
    return dmTargets(this.#ask("tableStatus", { uuid }));
  }

  /** Removes a device that nobody has open; fine when it isn't there. */
  remove(uuid: string): void {
    ifThere(() => this.#ask("remove", { uuid, event: leaveAlone }));
  }

  #ask(command: keyof typeof dmCommands, request: DmRequest): Buffer {
    const control = openSync(dmControl, "r+");
    try {
      const buffer = dmRequest(request);
      this.#libc.ioctl(control, dmIoctl(command), buffer);
      return buffer;
    } finally {
      closeSync(control);
    }
  }
}

/** False where the kernel's device-mapper was never asked for anything: looking changes nothing about that. */
function isInUse(): boolean {
  return existsSync("/sys/class/misc/device-mapper");
}

/** Undefined when there is no such device. */
function ifThere<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch (error) {
    if (error instanceof KernelError && error.code === "ENXIO") return undefined;
    throw error;
  }
}
