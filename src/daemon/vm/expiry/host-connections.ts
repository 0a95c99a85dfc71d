import { readFileSync } from "node:fs";
import { parseIpv4 } from "../../../installation/install-file.ts";

/** What the kernel calls a TCP connection that is there (include/net/tcp_states.h). */
const established = "01";

/** True while a process of this host has a TCP connection to an address, as an ssh or a copy has that nobody told the daemon of. */
export function isConnectedTo(address: string, read = () => readFileSync("/proc/net/tcp", "utf8")): boolean {
  const number = parseIpv4(address);
  if (number === undefined) return false;
  // proc(5): an address is printed as this processor has its four bytes in memory, the least significant first.
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(number);
  const wanted = bytes.readUInt32LE().toString(16).toUpperCase().padStart(8, "0");
  return read()
    .split("\n")
    .some((line) => {
      const [, , remote = "", state] = line.trim().split(/\s+/);
      return state === established && remote.startsWith(`${wanted}:`);
    });
}
