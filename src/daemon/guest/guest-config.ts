import { cpioArchive } from "../kernel/cpio.ts";

/** What a guest is told about its network. */
export interface GuestNetwork {
  /** With the length of the network's prefix: `10.77.0.2/24`. */
  readonly address: string;
  readonly gateway: string;
  readonly mac: string;
  readonly resolvers: readonly string[];
  /** Domains that names are looked for in. */
  readonly search: readonly string[];
}

/** A disk beside the root disk, as a guest is told of it. */
export interface GuestVolume {
  /** Its disk's serial number. */
  readonly id: string;
  /** Where it is mounted. */
  readonly path: string;
}

/** What a guest is told about itself (docs/guest-protocol.md, "What init is given"). */
export interface GuestConfig {
  readonly hostname: string;
  /** Absent in a guest that has none. */
  readonly network?: GuestNetwork;
  /** 32 hex digits (machine-id(5)). */
  readonly machineId: string;
  readonly authorizedKeys: string;
  readonly hostKey: string;
  readonly hostKeyPub: string;
  readonly volumes: readonly GuestVolume[];
}

/** An archive with a VM's configuration, which follows the guest's programs in its initrd. */
export function guestConfigArchive(config: GuestConfig): Buffer {
  const lines = [
    `hostname=${config.hostname}`,
    ...(config.network === undefined ? [] : networkLines(config.network)),
    `machine_id=${config.machineId}`,
    ...inOrder(config.volumes).map(({ id, path }) => `volume=${id} ${path}`),
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

function networkLines({ address, gateway, mac, resolvers, search }: GuestNetwork): string[] {
  return [
    `address=${address}`,
    `gateway=${gateway}`,
    ...resolvers.map((resolver) => `resolver=${resolver}`),
    ...(search.length === 0 ? [] : [`search=${search.join(" ")}`]),
    `mac=${mac}`,
  ];
}

/** A volume that lies in another one's directory comes after that one. */
function inOrder(volumes: readonly GuestVolume[]): GuestVolume[] {
  return volumes.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}
