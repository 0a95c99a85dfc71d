import type { Duplex } from "node:stream";
import type { DiskKind } from "../../rpc/contract/disk-kind.ts";
import type { GuestMemory } from "../guest/guest-usage.ts";
import type { VmmKind } from "../../rpc/contract/vmm-kind.ts";

export type { VmmKind };

/** How guest instructions are run, and why so. */
export interface Accelerator {
  readonly kind: "kvm" | "tcg";
  readonly why: string;
}

/** What a VMM is to run. */
export interface VmmSpec {
  readonly vmId: string;
  readonly generation: number;
  readonly kernelId: string;
  readonly imageId: string;
  readonly diskKind: DiskKind;
  readonly cpus: number;
  readonly memoryMib: number;
  readonly mac: string;
  /** False: without a network device. */
  readonly network: boolean;
  /** The ids of its volumes. */
  readonly volumes: readonly string[];
  readonly accelerator: Accelerator["kind"];
}

/** What a VMM does by itself with a root disk that is a file. */
export interface DiskHabits {
  /** Makes it larger; otherwise it finds it as large as it is. */
  readonly grows: boolean;
  /** Stops its guest when the host's disk is full; otherwise that guest's write fails. */
  readonly stopsWhenFull: boolean;
}

/** The habits of each kind of VMM. */
export const diskHabits: Readonly<Record<VmmKind, DiskHabits>> = {
  qemu: { grows: true, stopsWhenFull: true },
  firecracker: { grows: false, stopsWhenFull: false },
};

/** Kinds of VMM that end when their guest's kernel has halted; another runs on, and its guest stands still. */
export const endsByHalt: Readonly<Record<VmmKind, boolean>> = { qemu: true, firecracker: false };

/** A VMM process that was started. */
export interface LaunchedVmm {
  readonly pid: number;
  readonly startedAt: Date;
}

/** What a VMM does with its guest: has not begun it, runs it, or has stopped it because the host's disk is full or can't be written, or because somebody asked. */
export type VmmCondition = "prelaunch" | "running" | "no_space" | "disk_failed" | "paused";

/** Its guest stands still until what it wrote can be written: for want of space, or as the host refuses it (a quota, a broken disk). */
export const stuck: ReadonlySet<VmmCondition> = new Set<VmmCondition>(["no_space", "disk_failed"]);

/** What a guest read from its root disk and wrote to it since its VMM was started, in bytes. */
export interface DiskUse {
  readonly readBytes: number;
  readonly writtenBytes: number;
}

/** Why a guest ends its VMM: it powered itself off, reset itself, or its kernel panicked. */
export type ShutdownCause = "shutdown" | "reset" | "panic";

/** The host's connection to a VMM that runs. */
export interface VmmConnection {
  /** Lets the guest's instructions run; fine when they run already. */
  boot(signal: AbortSignal): Promise<void>;
  /** Halts the guest's instructions until `boot`; fine when they are halted already. */
  pause(signal: AbortSignal): Promise<void>;
  /** Halts them for want of room, which its condition then says, also to a daemon after this one; `boot` lets it go on. */
  standStill(signal: AbortSignal): Promise<void>;
  /** Presses the machine's power button, which a guest may heed or not. */
  pressPowerButton(signal: AbortSignal): Promise<void>;
  /** Makes the root disk larger under the guest, which is told; for a VMM that doesn't make files larger, it is so already. */
  resizeDisk(sizeMib: number, signal: AbortSignal): Promise<void>;
  /** What the VMM counts; undefined for what it doesn't say. */
  stats(signal: AbortSignal): Promise<{ readonly disk: DiskUse | undefined }>;
  /** The guest's memory, as its kernel told the VMM last, which may be long ago where its kernel stands still; undefined where it told nothing. */
  guestMemory(signal: AbortSignal): Promise<GuestMemory | undefined>;
  readonly condition: VmmCondition;
  onCondition(listener: (condition: VmmCondition) => void): void;
  /** Opens the byte stream on which the guest's agent is heard; one at a time. */
  openAgent(signal: AbortSignal): Promise<Duplex>;
  /** Why it ends, once it has said so. */
  readonly said: ShutdownCause | undefined;
  /** Resolves when the VMM closed the connection; never by our own closing, and it need not mean that the VMM ended. */
  readonly lost: Promise<{ readonly said: ShutdownCause | undefined }>;
  /** Resolves when we closed it. */
  readonly closed: Promise<void>;
  /** Leaves the VMM alone. */
  close(): void;
}

/** The driver of each kind. */
export type VmmDrivers = Readonly<Record<VmmKind, VmmDriver>>;

/** One kind of VMM. What nothing calls yet isn't here. */
export interface VmmDriver {
  /** Starts the process, stopped before the guest's first instruction. */
  launch(spec: VmmSpec, signal: AbortSignal): Promise<LaunchedVmm>;
  /** Connects to a VMM that was launched, by this daemon or one before it. */
  connect(vmId: string, signal: AbortSignal): Promise<VmmConnection>;
}
