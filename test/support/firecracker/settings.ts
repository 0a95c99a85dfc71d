import { closeSync, constants, openSync, writeSync } from "node:fs";
import type { Machine, MachineConfig } from "./machine.ts";
import { osError, Refusal, words } from "./refusals.ts";
import { VsockServer, type VsockDeps } from "./vsock-server.ts";

/** The body of a request; its fields were checked against the publication. */
type Body = Readonly<Record<string, string & number>>;

/** A line of a real one's metrics has some 10 KiB, nearly all of which nobody here reads. */
const others = "0".repeat(10_000);

/** What a Firecracker was told before its guest is begun, and what it made of it. */
export class Settings {
  readonly drives = new Map<string, string>();
  vsock: VsockServer | undefined;
  #boot: { readonly kernel: string; readonly initrd: string | undefined; readonly args: string } | undefined;
  #size = { cpus: 1, memoryMib: 128 };
  #network: MachineConfig["network"];
  #metrics: number | undefined;
  #told = { read: 0, written: 0 };
  /** The drives as they were set, by id. */
  readonly #driveBodies = new Map<string, Body>();
  #missed = 0;

  /** Takes one, or refuses it. */
  async set(template: string, body: Body, vsock: VsockDeps): Promise<void> {
    switch (template) {
      case "/boot-source":
        return this.#setBoot(body);
      case "/machine-config":
        this.#size = { cpus: body["vcpu_count"] ?? 1, memoryMib: body["mem_size_mib"] ?? 128 };
        return;
      case "/drives/{drive_id}":
        return this.#setDrive(body["drive_id"] ?? "", body);
      case "/network-interfaces/{iface_id}":
        this.#network = { tap: body["host_dev_name"] ?? "", mac: body["guest_mac"] ?? "" };
        return;
      case "/metrics":
        return this.#openMetrics(body["metrics_path"] ?? "");
      case "/vsock":
        this.vsock = await VsockServer.listen(body["uds_path"] ?? "", vsock).catch((error: unknown) => {
          throw new Refusal(words.vsockPath(osError(error)));
        });
        return;
      // The others change nothing here.
      default:
        return;
    }
  }

  /** What a guest is begun with. */
  get config(): MachineConfig {
    const boot = this.#boot;
    if (boot === undefined) throw new Refusal(words.noKernel);
    const { kernel, initrd, args: bootArgs } = boot;
    return { kernel, initrd, bootArgs, ...this.#size, drives: this.drives, network: this.#network };
  }

  /** As `GET /vm/config` answers. */
  get shown(): unknown {
    const drives = [...this.#driveBodies.values()];
    const boot = { kernel_image_path: this.#boot?.kernel ?? "" };
    const size = { vcpu_count: this.#size.cpus, mem_size_mib: this.#size.memoryMib };
    return { drives, "boot-source": boot, "machine-config": { ...size, smt: false, track_dirty_pages: false } };
  }

  /** Writes a line of what was counted since the last one; one that finds no room is lost, and counted as such. */
  async flush(machine: Machine): Promise<void> {
    if (this.#metrics === undefined) return;
    const now = await machine.diskUse();
    const block_root = { read_bytes: now.read - this.#told.read, write_bytes: now.written - this.#told.written };
    this.#told = now;
    const logger = { missed_metrics_count: this.#missed, missed_log_count: 0 };
    const line = Buffer.from(`${JSON.stringify({ utc_timestamp_ms: Date.now(), block_root, logger, others })}\n`);
    try {
      this.#missed = writeSync(this.#metrics, line) === line.length ? 0 : this.#missed + 1;
    } catch {
      this.#missed++;
    }
  }

  close(): void {
    this.vsock?.close();
    if (this.#metrics !== undefined) closeSync(this.#metrics);
  }

  #setDrive(id: string, body: Body): void {
    this.drives.set(id, opened(body["path_on_host"] ?? "", words.drivePath));
    this.#driveBodies.set(id, { ...driveDefaults, ...this.#driveBodies.get(id), ...body });
  }

  #setBoot(body: Body): void {
    const initrd = body["initrd_path"];
    const kernel = opened(body["kernel_image_path"] ?? "", words.kernelPath);
    if (initrd !== undefined) opened(initrd, words.initrdPath);
    this.#boot = { kernel, initrd, args: body["boot_args"] ?? "" };
  }

  #openMetrics(path: string): void {
    if (this.#metrics !== undefined) throw new Refusal(words.metricsTwice);
    try {
      this.#metrics = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    } catch (error) {
      throw new Refusal(words.metricsPath(osError(error)));
    }
  }
}

/** What a drive is of which nothing else is said (its publication). */
const driveDefaults = { cache_type: "Unsafe", io_engine: "Sync", is_read_only: false } as unknown as Body;

/** A path that can be opened, as it is. */
function opened(path: string, refused: (why: string, path: string) => string): string {
  try {
    closeSync(openSync(path, constants.O_RDONLY));
    return path;
  } catch (error) {
    throw new Refusal(refused(osError(error), path));
  }
}
