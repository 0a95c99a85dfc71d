import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { qemuFiles } from "../../../src/installation/qemu-files.ts";
import type { Machine, MachineConfig } from "./machine.ts";
import { QemuMonitor } from "./qemu-monitor.ts";

/** What QEMU's devices need otherwise than Firecracker's: they are PCI's, and its keyboard resets nothing. */
const otherwise: Readonly<Record<string, string>> = { "pci=off": "", "reboot=k": "reboot=t" };

/** It ends when this process does, however that ends. */
const withThis = ["--pdeathsig", "KILL", "--"];

interface BlockStats {
  readonly "node-name"?: string;
  readonly stats: { readonly rd_bytes: number; readonly wr_bytes: number };
}

/** A guest that boots, emulated. The console is this process's standard input and output; its agent is heard on a port of virtio-serial. */
export class QemuMachine implements Machine {
  /** Resolves when the guest has ended. */
  readonly ended: Promise<unknown>;
  readonly #in: string;
  #directory = "";
  readonly #ended = Promise.withResolvers<unknown>();
  #monitor: QemuMonitor | undefined;

  /** Its sockets are made in a directory. */
  constructor(directory: string) {
    this.#in = directory;
    this.ended = this.#ended.promise;
  }

  async start(config: MachineConfig): Promise<void> {
    this.#directory = mkdtempSync(join(this.#in, "qemu-"));
    const qmp = join(this.#directory, "qmp");
    const argv = [...withThis, qemuFiles.program, ...argvOf(config, { qmp, agent: this.#agent })];
    const qemu = spawn("/usr/bin/setpriv", argv, { stdio: "inherit" });
    void once(qemu, "exit").then((code) => {
      rmSync(this.#directory, { recursive: true });
      this.#ended.resolve(code);
    });
    while (!existsSync(qmp)) {
      if (qemu.exitCode !== null) throw new Error(`QEMU ended at once with ${qemu.exitCode}`);
      await delay(2);
    }
    this.#monitor = await QemuMonitor.connect(qmp);
    await this.#execute("cont");
  }

  async pause(): Promise<void> {
    await this.#execute("stop");
  }

  async resume(): Promise<void> {
    await this.#execute("cont");
  }

  async pressCtrlAltDel(): Promise<void> {
    const keys = ["ctrl", "alt", "delete"].map((data) => ({ type: "qcode", data }));
    await this.#execute("send-key", { keys });
  }

  async diskChanged(id: string, path: string): Promise<void> {
    await this.#execute("block_resize", { "node-name": id, size: statSync(path).size });
  }

  async diskUse(): Promise<{ read: number; written: number }> {
    const all = (await this.#execute("query-blockstats")) as readonly BlockStats[];
    const root = all.find((device) => device["node-name"] === "root")?.stats;
    return { read: root?.rd_bytes ?? 0, written: root?.wr_bytes ?? 0 };
  }

  async connect(port: number): Promise<Duplex | undefined> {
    if (port !== 5_000) return undefined;
    const socket = createConnection(this.#agent);
    await once(socket, "connect");
    return socket;
  }

  get #agent(): string {
    return join(this.#directory, "agent");
  }

  #execute(command: string, given?: object): Promise<unknown> {
    if (this.#monitor === undefined) throw new Error("there is no guest yet");
    return this.#monitor.execute(command, given);
  }
}

/** What is a descriptor of this process's, as another may open it. */
function asSeenByQemu(path: string): string {
  return path.replace(/^\/proc\/self\//, `/proc/${process.pid}/`);
}

function argvOf(config: MachineConfig, sockets: { readonly qmp: string; readonly agent: string }): string[] {
  const { kernel, initrd, bootArgs, cpus, memoryMib, drives, network } = config;
  const append = bootArgs
    .split(" ")
    .map((parameter) => otherwise[parameter] ?? parameter)
    .join(" ");
  const socket = (id: string, path: string) => ["-chardev", `socket,id=${id},path=${path},server=on,wait=off`];
  return [
    ["-nodefaults", "-no-user-config", "-display", "none", "-S", "-action", "reboot=shutdown"],
    ["-M", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", String(cpus), "-m", String(memoryMib)],
    ["-kernel", asSeenByQemu(kernel), ...(initrd === undefined ? [] : ["-initrd", asSeenByQemu(initrd)])],
    ["-append", append],
    [...drives].flatMap(([id, path]) => drive(id, path)),
    network === undefined ? [] : networkOf(network),
    ["-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console", "-device", "virtio-serial-pci"],
    [...socket("agent", sockets.agent), "-device", "virtserialport,chardev=agent,name=banger.agent"],
    ["-object", "rng-random,id=rng,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=rng"],
    [...socket("qmp", sockets.qmp), "-mon", "chardev=qmp,mode=control"],
  ].flat();
}

function drive(id: string, path: string): string[] {
  const node = `driver=raw,node-name=${id},file.driver=file,file.filename=${asSeenByQemu(path)},file.locking=off`;
  return ["-blockdev", node, "-device", `virtio-blk-pci,drive=${id},serial=${serialOf(path)}`];
}

/** As Firecracker makes it of a file (virtio/block/virtio/device.rs, build_disk_image_id). */
function serialOf(path: string): string {
  const { dev, rdev, ino } = statSync(path, { bigint: true });
  return `${dev}${rdev}${ino}`.slice(0, 20);
}

function networkOf({ tap, mac }: NonNullable<MachineConfig["network"]>): string[] {
  const netdev = `tap,id=net,ifname=${tap},script=no,downscript=no`;
  return ["-netdev", netdev, "-device", `virtio-net-pci,netdev=net,mac=${mac},romfile=`];
}
