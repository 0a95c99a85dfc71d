import { InstallFileError } from "./install-file-error.ts";
import { formatIpv4, parseSubnet } from "./subnet.ts";

/** What VMs' names end with where the install file doesn't say. */
export const usualZone = "vm";

const label = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;
const [mostLabel, mostZone] = [63, 63];
/** What others answer for, wherever one asks (RFC 6761, 6762), and where addresses are. */
const others: ReadonlySet<string> = new Set(["local", "localhost", "invalid", "onion", "arpa"]);

/** Checks the zone of VMs' names: one label or several, in small letters. */
export function parseZone(text: string): string {
  const refuse = (reason: string): never => {
    throw new InstallFileError(`zone: ${JSON.stringify(text)} ${reason}; write a name as "vm" or "vm.example.org"`);
  };
  const labels = text.split(".");
  if (!labels.every((each) => label.test(each) && each.length <= mostLabel)) {
    refuse("must be labels of a-z, 0-9 and -, with a dot between");
  }
  if (text.length > mostZone) refuse(`is longer than ${mostZone} characters`);
  const last = labels.at(-1) ?? "";
  if (/^\d+$/.test(last)) refuse("ends as an address does");
  if (others.has(last)) refuse(`ends with ${last}, which isn't asked of name servers like this one`);
  return text;
}

/**
 * The zones of in-addr.arpa that together are the subnet and nothing else: a subnet whose prefix ends between two labels has one
 * for each value of the label that it cuts.
 */
export function reverseZones(subnet: string): string[] {
  const { network, prefix } = parseSubnet(subnet);
  const octets = Math.ceil(prefix / 8);
  const each = 2 ** (32 - octets * 8);
  return Array.from({ length: 2 ** (octets * 8 - prefix) }, (_, index) => {
    const address = formatIpv4(network + index * each);
    return `${address.split(".").slice(0, octets).toReversed().join(".")}.in-addr.arpa`;
  });
}
