// Opens a tap as its VMM does and sends frames by it: `node send-frames.ts TAP HEX...`.
import { closeSync, openSync, writeSync } from "node:fs";
import { loadLibc } from "../../src/helper/kernel/libc.ts";
import { tunDevice } from "../../src/helper/network/tun.ts";

// linux/if_tun.h
const TUNSETIFF = 0x400454ca;
const [IFF_TAP, IFF_NO_PI] = [0x0002, 0x1000];

const [tap = "", ...frames] = process.argv.slice(2);
const fd = openSync(tunDevice, "r+");
const ifreq = Buffer.alloc(40);
ifreq.write(tap, "latin1");
ifreq.writeUInt16LE(IFF_TAP | IFF_NO_PI, 16);
loadLibc().ioctl(fd, TUNSETIFF, ifreq);
for (const frame of frames) writeSync(fd, Buffer.from(frame, "hex"));
closeSync(fd);
