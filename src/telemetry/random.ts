import { closeSync, openSync, readSync } from "node:fs";

/** So many bytes of the kernel's cryptographic randomness (random(4)), in hex. `node:crypto` has the same, and costs the CLI 5 ms to load. */
export function randomHex(bytes: number): string {
  const fd = openSync("/dev/urandom", "r");
  try {
    const drawn = Buffer.alloc(bytes);
    if (readSync(fd, drawn) !== bytes) throw new Error("/dev/urandom gave too little");
    return drawn.toString("hex");
  } finally {
    closeSync(fd);
  }
}
