import { readFileSync } from "node:fs";
import { parseIpv4 } from "../../../installation/install-file.ts";

/** What the kernel calls a TCP connection that is there (include/net/tcp_states.h). */
const established = "01";
/** What an IPv4 address of a socket of both families begins with, ::ffff:0:0/96, as the kernel prints it. */
const mapped = "0000000000000000FFFF0000";

type Table = "tcp" | "tcp6";

/** True while a process of this host has a TCP connection to an address, as an ssh or a copy has that nobody told the daemon of. */
export function isConnectedTo(address: string, read = readTable): boolean {
  const number = parseIpv4(address);
  if (number === undefined) return false;
  // proc(5): an address is printed as this processor has its four bytes in memory, the least significant first.
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(number);
  const wanted = bytes.readUInt32LE().toString(16).toUpperCase().padStart(8, "0");
  return hasPeer(read("tcp"), wanted) || hasPeer(read("tcp6"), `${mapped}${wanted}`);
}

function hasPeer(table: string, address: string): boolean {
  return table.split("\n").some((line) => {
    const [, , remote = "", state] = line.trim().split(/\s+/);
    return state === established && remote.startsWith(`${address}:`);
  });
}

/** Empty where the kernel has no such protocol. */
function readTable(table: Table): string {
  try {
    return readFileSync(`/proc/net/${table}`, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}
