import type { DiskFormat } from "../../rpc/contract/disk-kind.ts";
import { qemuFiles } from "../../installation/qemu-files.ts";
import type { VmmFiles } from "./vmm-files.ts";

/** What a QEMU process is composed from. Everything was validated, or derived by the helper itself. */
export interface QemuSpec {
  readonly name: string;
  readonly cpus: number;
  readonly memoryMib: number;
  readonly accel: "kvm" | "tcg";
  /** How fast the counter counts that an emulated guest reads, in kHz. */
  readonly tscKhz?: number | undefined;
  /** The link that is the guest's network; without one it has no network device. */
  readonly tap: string | undefined;
  readonly mac: string;
  readonly files: VmmFiles;
  readonly diskFormat: DiskFormat;
  /** The ids of its volumes. */
  readonly volumes: readonly string[];
  readonly sockets: { readonly qmp: string; readonly agent: string };
}

/** Kernel parameters that every guest gets; each was measured to start it sooner, or ends the VMM when the guest dies. */
const cmdline = [
  "console=ttyS0",
  "quiet",
  // A panic is said on the console; nothing less is.
  "loglevel=1",
  "panic=-1",
  "reboot=t",
  "cryptomgr.notests",
  "tsc=reliable",
  "no_timer_check",
  "noreplace-smp",
  "audit=0",
  "random.trust_cpu=on",
];

/** QEMU's argv, program first, with every option explicit. The guest's console is its standard input and output. */
export function qemuArgv(spec: QemuSpec): [string, ...string[]] {
  const tcg = spec.accel === "tcg";
  const { files } = spec;
  // noapictimer makes a guest on one emulated CPU start sooner; with more CPUs each needs its own timer.
  const timer = tcg && spec.cpus === 1 ? ["noapictimer"] : [];
  // On a busy host a guest measures this too small, ten times even, by a timer that is emulated: its clock would run as much too fast.
  const rate = tcg && spec.tscKhz !== undefined ? [`tsc_early_khz=${spec.tscKhz}`] : [];
  const append = [...cmdline, ...timer, ...rate].join(" ");
  const socket = (id: string, path: string) => ["-chardev", `socket,id=${id},path=${literal(path)},server=on,wait=off`];
  const args = [
    ["-nodefaults", "-no-user-config", "-display", "none", "-S", "-name", spec.name],
    // A guest that resets itself ends its VMM, and so does one that panics: the exit status tells of the latter.
    ["-action", "reboot=shutdown,panic=exit-failure"],
    ["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"],
    ["-M", "q35,smm=off,vmport=off,sata=off,smbus=off,i8042=off", "-bios", qemuFiles.firmware],
    tcg ? ["-accel", "tcg,thread=multi", "-cpu", "max,-erms"] : ["-accel", "kvm", "-cpu", "host"],
    ["-global", "virtio-pci.disable-legacy=on", "-smp", String(spec.cpus), "-m", String(spec.memoryMib)],
    ["-kernel", files.path("kernel"), "-initrd", files.path("initrd")],
    ["-append", append],
    files.fdsets.flatMap(({ fd, set }) => ["-add-fd", `fd=${fd},set=${set}`]),
    rootDisk(spec),
    [
      "-device",
      `virtio-blk-pci,drive=root,${spec.diskFormat === "snapshot" ? "werror=stop,rerror=stop" : "werror=stop"}`,
    ],
    spec.volumes.flatMap((id, index) => volume(id, `volume${index}`, files.volume(index))),
    spec.tap === undefined ? [] : networkDevice(spec.tap, spec.mac),
    ["-chardev", "stdio,id=console,signal=off"],
    ["-serial", "chardev:console", "-device", "virtio-serial-pci"],
    socket("agent", spec.sockets.agent),
    ["-device", "virtserialport,chardev=agent,name=banger.agent"],
    ["-device", "pvpanic-pci"],
    ["-object", "rng-random,id=rng,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=rng"],
    socket("qmp", spec.sockets.qmp),
    ["-mon", "chardev=qmp,mode=control"],
  ].flat();
  return [qemuFiles.program, ...args];
}

function networkDevice(tap: string, mac: string): string[] {
  const netdev = `tap,id=net,ifname=${tap},script=no,downscript=no,vhost=off`;
  return ["-netdev", netdev, "-device", `virtio-net-pci,netdev=net,mac=${mac},romfile=`];
}

/** The root disk, as the node `root`: an overlay needs its image below it, a raw disk has everything, and so has a device, whose cache is the guest's alone. */
function rootDisk({ files, diskFormat }: QemuSpec): string[] {
  const opened = `node-name=root-file,filename=${files.path("rootDisk")},locking=off,discard=unmap`;
  const file = diskFormat === "snapshot" ? `driver=host_device,${opened},cache.direct=on` : `driver=file,${opened}`;
  if (diskFormat !== "qcow2") {
    return ["-blockdev", file, "-blockdev", "driver=raw,node-name=root,file=root-file,discard=unmap"];
  }
  const image = `driver=file,node-name=image-file,filename=${files.path("image")},read-only=on,locking=off`;
  const overlay = "driver=qcow2,node-name=root,file=root-file,backing=image,discard=unmap";
  const layers = [image, "driver=raw,node-name=image,file=image-file,read-only=on", file, overlay];
  return layers.flatMap((layer) => ["-blockdev", layer]);
}

/** A volume: raw, found by its guest by its serial number. It is locked, so that no second VMM ever writes it. */
function volume(id: string, node: string, path: string): string[] {
  const file = `driver=file,node-name=${node}-file,filename=${path},locking=on,discard=unmap`;
  const disk = `driver=raw,node-name=${node},file=${node}-file,discard=unmap`;
  return ["-blockdev", file, "-blockdev", disk, "-device", `virtio-blk-pci,drive=${node},serial=${id},werror=stop`];
}

/** A path as the value of one of QEMU's options: a comma ends one, two are one. */
function literal(path: string): string {
  return path.replaceAll(",", ",,");
}
