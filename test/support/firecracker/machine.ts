import type { Duplex } from "node:stream";

/** What a guest is begun with, as the API was told. */
export interface MachineConfig {
  readonly kernel: string;
  readonly initrd: string | undefined;
  readonly bootArgs: string;
  readonly cpus: number;
  readonly memoryMib: number;
  /** The paths of its disks, by their ids, in order. */
  readonly drives: ReadonlyMap<string, string>;
  readonly network: { readonly tap: string; readonly mac: string } | undefined;
}

/** What is behind Firecracker's API: a guest, or a script in the place of one. */
export interface Machine {
  /** Begins the guest; a refusal's words are an error's. */
  start(config: MachineConfig): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  pressCtrlAltDel(): Promise<void>;
  /** A disk's file is another one, or has another size. */
  diskChanged(id: string, path: string): Promise<void>;
  /** What the root disk has been read and written since it was begun, in bytes. */
  diskUse(): Promise<{ readonly read: number; readonly written: number }>;
  /** Connects to a port of the guest's vsock; undefined where nothing listens. */
  connect(port: number): Promise<Duplex | undefined>;
}
