import type { ConsoleLog } from "./console-log.ts";

/** What a VMM is to run. */
export interface VmmSpec {
  readonly vmId: string;
  readonly generation: number;
  readonly kernelId: string;
  readonly imageId: string;
  readonly cpus: number;
  readonly memoryMib: number;
  readonly mac: string;
}

/** How guest instructions are run. */
export type Accelerator = "kvm" | "tcg";

/** A VMM process that was started. */
export interface LaunchedVmm {
  readonly pid: number;
  readonly startedAt: Date;
}

/** The host's connection to a VMM that runs. */
export interface VmmConnection {
  /** Lets the guest's first instruction run; fine when it runs already. */
  boot(): Promise<void>;
  /** Resolves when the VMM is gone, with why as far as it said so. */
  readonly exited: Promise<VmmExit>;
  readonly console: ConsoleLog;
  /** The socket on which the guest's agent is heard. */
  readonly agentPath: string;
  close(): void;
}

/** How a VMM ended. */
export interface VmmExit {
  /** `shutdown`: the guest powered itself off. `reset`: it rebooted, or its kernel panicked. `unknown`: neither was said. */
  readonly how: "shutdown" | "reset" | "unknown";
}

/** One kind of VMM. What nothing calls yet isn't here. */
export interface VmmDriver {
  /** How this host runs guests, and why so. */
  readonly accelerator: { readonly kind: Accelerator; readonly why: string };
  /** Starts the process, stopped before the guest's first instruction. */
  launch(spec: VmmSpec): Promise<LaunchedVmm>;
  /** Connects to a VMM that was launched, by this daemon or one before it. */
  connect(vmId: string): Promise<VmmConnection>;
  /** Makes sure that no VMM of this generation or an older one is there. */
  end(vmId: string, generation: number): Promise<void>;
}
