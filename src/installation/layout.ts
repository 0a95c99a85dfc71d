import { join } from "node:path";
import type { Installation } from "./install-file.ts";

/** Where an installation has its files, sockets and links. Every path and device name comes from here. */
export interface Layout {
  readonly daemonSocket: string;
  /** Locked while a daemon runs. */
  readonly daemonLock: string;
  /** Where the CLI leaves what no daemon was there to take. */
  readonly unsent: string;
  readonly database: string;
  /** The installation's SSH private key; the public one is beside it, with `.pub`. */
  readonly sshKey: string;
  /** The directory of all images' directories. */
  readonly images: string;
  image(digest: string): string;
  /** The directory of all kernels' directories. */
  readonly kernels: string;
  kernel(digest: string): { directory: string; vmlinux: string; initrd: string };
  /** The directory of all VMs' directories. */
  readonly vms: string;
  vm(vmId: string): {
    directory: string;
    /** The root disk's file, by its format; a VM has one of them. */
    rootDisk: { readonly qcow2: string; readonly raw: string };
    initrd: string;
    /** The newest of what the guest printed; what came before it is beside it, with `.1`. */
    consoleLog: string;
    /** The guest's SSH host key; the public one is beside it, with `.pub`. */
    hostKey: string;
    knownHosts: string;
  };
  /** A directory for what is being made, on the file system of the results. */
  readonly scratch: string;
  readonly helperSocket: string;
  /** The helper's facts about one VM's VMM. */
  facts(vmId: string): string;
  readonly factsDirectory: string;
  /** The directory of all VMMs' sockets. */
  readonly vmSockets: string;
  /** What a VMM says on its own; root's alone. */
  vmmLog(vmId: string): string;
  readonly vmmLogs: string;
  /** What a VMM's recorder wrote down; root's alone. */
  vmmRecord(vmId: string): string;
  readonly vmmRecords: string;
  /** What is typed on a guest's serial console: a FIFO of the owner's, in a directory of root's. */
  consoleInput(vmId: string): string;
  readonly consoleInputs: string;
  /** The sockets of a running VMM. */
  sockets(vmId: string): { directory: string; qmp: string; agent: string };
  readonly bridge: string;
  /** The port of the bridge's address at which the daemon answers guests' DNS, unless somebody else has it. */
  readonly namesPort: number;
  /** The link by which the host's resolver knows the daemon's name server. */
  readonly namesLink: string;
  /** Its other end. */
  readonly namesPeer: string;
  /** Its index, which a resolver in another network namespace knows no link by. */
  readonly namesIndex: number;
  /** The nftables table, of family inet. */
  readonly table: string;
  tap(vmId: string): string;
  /** The alias that proves a link to be banger's. */
  alias(vmId?: string): string;
}

/** The layout of an installation. */
export function layoutOf(installation: Installation): Layout {
  const { id, stateDir, runDir, helperRunDir } = installation;
  return {
    daemonSocket: join(runDir, "bangerd.sock"),
    daemonLock: join(runDir, "bangerd.lock"),
    unsent: join(runDir, "unsent"),
    database: join(stateDir, "banger.db"),
    sshKey: join(stateDir, "ssh", "id_ed25519"),
    vms: join(stateDir, "vms"),
    images: join(stateDir, "images"),
    image: (digest) => join(stateDir, "images", digest, "root.ext4"),
    kernels: join(stateDir, "kernels"),
    kernel: (digest) => {
      const directory = join(stateDir, "kernels", digest);
      return { directory, vmlinux: join(directory, "vmlinux"), initrd: join(directory, "initrd") };
    },
    vm: (vmId) => {
      const directory = join(stateDir, "vms", vmId);
      return {
        directory,
        rootDisk: { qcow2: join(directory, "root.qcow2"), raw: join(directory, "root.raw") },
        initrd: join(directory, "initrd"),
        consoleLog: join(directory, "console.log"),
        hostKey: join(directory, "ssh_host_ed25519_key"),
        knownHosts: join(directory, "known_hosts"),
      };
    },
    scratch: join(stateDir, "scratch"),
    helperSocket: join(helperRunDir, "bangerd-root.sock"),
    facts: (vmId) => join(helperRunDir, "facts", `${vmId}.json`),
    factsDirectory: join(helperRunDir, "facts"),
    vmSockets: join(helperRunDir, "vm"),
    vmmLog: (vmId) => join(helperRunDir, "log", `${vmId}.log`),
    vmmLogs: join(helperRunDir, "log"),
    vmmRecord: (vmId) => join(helperRunDir, "record", vmId),
    vmmRecords: join(helperRunDir, "record"),
    consoleInput: (vmId) => join(helperRunDir, "console", vmId),
    consoleInputs: join(helperRunDir, "console"),
    sockets: (vmId) => {
      const directory = join(helperRunDir, "vm", vmId);
      return { directory, qmp: join(directory, "qmp.sock"), agent: join(directory, "agent.sock") };
    },
    bridge: `bgr${id}`,
    // Below the ports that the kernel gives out by itself.
    namesPort: 10_053,
    namesLink: `bgn${id}`,
    namesPeer: `bgm${id}`,
    // Far above what the kernel counts to by itself.
    namesIndex: 0x6000_0000 + Number.parseInt(id.slice(1), 16),
    table: `banger_${id}`,
    // An interface name has at most 15 characters: 3 digits of the installation and 10 of the VM.
    tap: (vmId) => `bt${id.slice(0, 3)}${vmId.slice(0, 10)}`,
    alias: (vmId) => (vmId === undefined ? `banger:${id}` : `banger:${id}:${vmId}`),
  };
}
