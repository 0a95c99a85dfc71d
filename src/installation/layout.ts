import { join } from "node:path";
import type { Installation } from "./install-file.ts";

/** Where an installation has its files, sockets and links. Every path and device name comes from here. */
export interface Layout {
  readonly daemonSocket: string;
  /** Where systemd starts a unit for each step of an image's making; there is none where it doesn't. */
  readonly buildSocket: string;
  /** Locked while a daemon runs. */
  readonly daemonLock: string;
  /** Where the CLI leaves what no daemon was there to take. */
  readonly unsent: string;
  /** For how long VMs have run and been left alone, for the next daemon. */
  readonly runTimes: string;
  readonly database: string;
  /** By this a daemon knows whether the database is the one that the state was last used with. */
  readonly databaseMark: string;
  /** What was logged of the owner's operations by all processes: the newest file; older ones are beside it, with `.1` and so on. */
  readonly log: string;
  /** What guests are let in by, and where the SSH key and known_hosts lie of an owner whose home takes none. */
  readonly ssh: string;
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
    rootDisk: { readonly qcow2: string; readonly raw: string; readonly snapshot: string };
    initrd: string;
    /** The newest of what the guest printed; what came before it is beside it, with `.1`. */
    consoleLog: string;
    /** The guest's SSH host key; the public one is beside it, with `.pub`. */
    hostKey: string;
    /** Which SSH keys its guest was told to let in, at its start or since. */
    authorizedKeys: string;
    /** What a Firecracker can't be asked for: for the daemon's next run. */
    firecracker: string;
  };
  /** The directory of all volumes' disks. */
  readonly volumes: string;
  /** A volume's disk: raw, with holes. */
  volume(volumeId: string): string;
  /** A directory for what is being made, on the file system of the results. */
  readonly scratch: string;
  readonly helperSocket: string;
  /** Locked by the helper that serves the installation. */
  readonly helperLock: string;
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
  /** What a Firecracker counts, for the owner to read: a FIFO in the same directory. */
  metrics(vmId: string): string;
  /** What a Firecracker says on its own, on its way to `vmmLog`: a FIFO, as it opens that by a path. */
  vmmWords(vmId: string): string;
  /** The sockets of a running VMM: QEMU's are `qmp` and `agent`, Firecracker's `api` and `vsock`. */
  sockets(vmId: string): { directory: string; qmp: string; agent: string; api: string; vsock: string };
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
  /** What the names of all these begin with, and of no other link. */
  readonly taps: string;
  /** The device that a VM's root disk of kind `dm-snapshot` is while it runs; the uuid proves it to be banger's. */
  diskDevice(vmId: string): { name: string; uuid: string };
  /** What the uuids of all these begin with. */
  readonly diskUuids: string;
  /** The alias that proves a link to be banger's. */
  alias(vmId?: string): string;
}

/** The layout of an installation. */
export function layoutOf(installation: Installation): Layout {
  const { id, stateDir, runDir, helperRunDir } = installation;
  const taps = `bt${id.slice(0, 3)}`;
  return {
    daemonSocket: join(runDir, "bangerd.sock"),
    buildSocket: join(runDir, "build.sock"),
    daemonLock: join(runDir, "bangerd.lock"),
    unsent: join(runDir, "unsent"),
    runTimes: join(runDir, "run-times.json"),
    database: join(stateDir, "banger.db"),
    // Not called as the database: who puts an older one in its place leaves this.
    databaseMark: join(stateDir, "last-mark"),
    log: join(stateDir, "logs", "banger.log"),
    ssh: join(stateDir, "ssh"),
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
        rootDisk: {
          qcow2: join(directory, "root.qcow2"),
          raw: join(directory, "root.raw"),
          snapshot: join(directory, "root.snapshot"),
        },
        initrd: join(directory, "initrd"),
        consoleLog: join(directory, "console.log"),
        hostKey: join(directory, "ssh_host_ed25519_key"),
        authorizedKeys: join(directory, "authorized_keys"),
        firecracker: join(directory, "firecracker.json"),
      };
    },
    volumes: join(stateDir, "volumes"),
    volume: (volumeId) => join(stateDir, "volumes", `${volumeId}.raw`),
    scratch: join(stateDir, "scratch"),
    helperSocket: join(helperRunDir, "bangerd-root.sock"),
    helperLock: join(helperRunDir, "lock"),
    facts: (vmId) => join(helperRunDir, "facts", `${vmId}.json`),
    factsDirectory: join(helperRunDir, "facts"),
    vmSockets: join(helperRunDir, "vm"),
    vmmLog: (vmId) => join(helperRunDir, "log", `${vmId}.log`),
    vmmLogs: join(helperRunDir, "log"),
    vmmRecord: (vmId) => join(helperRunDir, "record", vmId),
    vmmRecords: join(helperRunDir, "record"),
    consoleInput: (vmId) => join(helperRunDir, "console", vmId),
    consoleInputs: join(helperRunDir, "console"),
    metrics: (vmId) => join(helperRunDir, "console", `${vmId}.metrics`),
    vmmWords: (vmId) => join(helperRunDir, "console", `${vmId}.words`),
    sockets: (vmId) => {
      const directory = join(helperRunDir, "vm", vmId);
      const socket = (name: string) => join(directory, `${name}.sock`);
      return { directory, qmp: socket("qmp"), agent: socket("agent"), api: socket("api"), vsock: socket("vsock") };
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
    tap: (vmId) => `${taps}${vmId.slice(0, 10)}`,
    taps,
    diskDevice: (vmId) => ({ name: `banger-${id}-${vmId}`, uuid: `BANGER-${id}-${vmId}` }),
    diskUuids: `BANGER-${id}-`,
    alias: (vmId) => (vmId === undefined ? `banger:${id}` : `banger:${id}:${vmId}`),
  };
}
