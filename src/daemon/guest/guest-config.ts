import { cpioArchive } from "../kernel/cpio.ts";

/** What a guest is told about itself (docs/guest-protocol.md, "What init is given"). */
export interface GuestConfig {
  readonly hostname: string;
  /** With the length of the network's prefix: `10.77.0.2/24`. */
  readonly address: string;
  readonly gateway: string;
  readonly resolvers: readonly string[];
  /** Domains that names are looked for in. */
  readonly search: readonly string[];
  /** 32 hex digits (machine-id(5)). */
  readonly machineId: string;
  readonly mac: string;
  readonly authorizedKeys: string;
  readonly hostKey: string;
  readonly hostKeyPub: string;
}

/** An archive with a VM's configuration, which follows the guest's programs in its initrd. */
export function guestConfigArchive(config: GuestConfig): Buffer {
  const lines = [
    `hostname=${config.hostname}`,
    `address=${config.address}`,
    `gateway=${config.gateway}`,
    ...config.resolvers.map((resolver) => `resolver=${resolver}`),
    ...(config.search.length === 0 ? [] : [`search=${config.search.join(" ")}`]),
    `machine_id=${config.machineId}`,
    `mac=${config.mac}`,
  ];
  const file = (name: string, text: string) => ({ path: `banger/${name}`, mode: 0o600, content: Buffer.from(text) });
  return cpioArchive([
    { path: "banger", mode: 0o700 },
    file("config", `${lines.join("\n")}\n`),
    file("authorized_keys", config.authorizedKeys),
    file("ssh_host_ed25519_key", config.hostKey),
    file("ssh_host_ed25519_key.pub", config.hostKeyPub),
  ]);
}
