import type { Duplex } from "node:stream";
import type { DiskKind } from "../../rpc/contract/disk-kind.ts";

/** A kind of VMM. */
export type VmmKind = "qemu";

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
  readonly accelerator: Accelerator["kind"];
}

/** A VMM process that was started. */
export interface LaunchedVmm {
  readonly pid: number;
  readonly startedAt: Date;
}

/** What a VMM does with its guest: has not begun it, runs it, or has stopped it because the host's disk is full or can't be written, or because somebody asked. */
export type VmmCondition = "prelaunch" | "running" | "no_space" | "disk_failed" | "paused";

/** Its guest stands still until what it wrote can be written: for want of space, or as the host refuses it (a quota, a broken disk). */
export const stuck: ReadonlySet<VmmCondition> = new Set<VmmCondition>(["no_space", "disk_failed"]);

/** Why a guest ends its VMM: it powered itself off, reset itself, or its kernel panicked. */
export type ShutdownCause = "shutdown" | "reset" | "panic";

/** The host's connection to a VMM that runs. */
export interface VmmConnection {
  /** Lets the guest's instructions run; fine when they run already. */
  boot(signal: AbortSignal): Promise<void>;
  /** Halts the guest's instructions until `boot`; fine when they are halted already. */
  pause(signal: AbortSignal): Promise<void>;
  /** Presses the machine's power button, which a guest may heed or not. */
  pressPowerButton(signal: AbortSignal): Promise<void>;
  /** Makes the root disk larger under the guest, which is told. */
  resizeDisk(sizeMib: number, signal: AbortSignal): Promise<void>;
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
  /** How this host would run a guest now. */
  accelerator(): Promise<Accelerator>;
  /** Starts the process, stopped before the guest's first instruction. */
  launch(spec: VmmSpec, signal: AbortSignal): Promise<LaunchedVmm>;
  /** Connects to a VMM that was launched, by this daemon or one before it. */
  connect(vmId: string, signal: AbortSignal): Promise<VmmConnection>;
}
