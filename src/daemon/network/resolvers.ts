import { readFileSync } from "node:fs";
import { parseIpv4 } from "../../installation/install-file.ts";

/** Where a host says its name servers, the real ones before a local stub. */
const files = ["/run/systemd/resolve/resolv.conf", "/etc/resolv.conf"];

/** The name servers for guests: those of the installation, else the host's that a guest can reach (loopback ones it can't). */
export function guestResolvers(configured: readonly string[], sources: readonly string[] = files): string[] {
  if (configured.length > 0) return [...configured];
  for (const source of sources) {
    const found = nameServers(source);
    if (found.length > 0) return found.slice(0, 3);
  }
  return [];
}

function nameServers(source: string): string[] {
  let text: string;
  try {
    text = readFileSync(source, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
  return [...text.matchAll(/^nameserver\s+(\S+)/gm)]
    .map((match) => match[1] ?? "")
    .filter((address) => parseIpv4(address) !== undefined && !address.startsWith("127."));
}
