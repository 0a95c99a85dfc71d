import { openSync, readSync } from "node:fs";

/** The kernel's own random bytes: `node:crypto` takes milliseconds to load. Opened once, so that a process without a descriptor left has ids. */
const source = openSync("/dev/urandom", "r");

/** So many random bytes, in hex digits. */
export function randomHex(bytes: number): string {
  const buffer = Buffer.allocUnsafe(bytes);
  for (let got = 0; got < bytes; ) got += readSync(source, buffer, got, bytes - got, null);
  return buffer.toString("hex");
}
