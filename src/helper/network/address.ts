import { parseIpv4 } from "../../installation/install-file.ts";

/** An IPv4 address as it is on the wire; the text was validated. */
export function ipv4Bytes(address: string | number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(typeof address === "number" ? address : (parseIpv4(address) ?? 0));
  return bytes;
}

/** A MAC address as it is on the wire; the text was validated. */
export function macBytes(mac: string): Buffer {
  return Buffer.from(mac.replaceAll(":", ""), "hex");
}
