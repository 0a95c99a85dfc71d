import { closeSync, openSync } from "node:fs";
import type { Libc } from "../kernel/libc.ts";

/** Where taps are made. */
export const tunDevice = "/dev/net/tun";

// linux/if_tun.h
const TUNSETIFF = 0x400454ca;
const TUNSETPERSIST = 0x400454cb;
const TUNSETOWNER = 0x400454cc;
const [IFF_TAP, IFF_NO_PI, IFF_VNET_HDR, IFF_TUN_EXCL] = [0x0002, 0x1000, 0x4000, 0x8000];
const ifreqBytes = 40;

/** Makes a tap that stays and that only this uid may open. */
export function makeTap(libc: Libc, name: string, uid: number): void {
  const fd = openSync(tunDevice, "r+");
  try {
    const ifreq = Buffer.alloc(ifreqBytes);
    ifreq.write(name, "latin1");
    ifreq.writeUInt16LE(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_TUN_EXCL, 16);
    libc.ioctl(fd, TUNSETIFF, ifreq);
    libc.ioctl(fd, TUNSETOWNER, uid);
    libc.ioctl(fd, TUNSETPERSIST, 1);
  } finally {
    closeSync(fd);
  }
}
