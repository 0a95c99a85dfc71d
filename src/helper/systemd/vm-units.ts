import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Layout } from "../../installation/layout.ts";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { SystemdManager } from "./manager.ts";
import { type VmUnit, vmSlice, vmUnitProperties } from "./vm-unit.ts";

/** systemd keeps what it was told of a unit here for as long as it knows the unit. */
const told = "/run/systemd/transient";
const ofVm = /^banger-vm-([0-9a-f]{16})\.service$/;

/** How long a unit without processes has until it is looked at, then killed, then given up. */
const [lookMs, killMs, deadlineMs] = [50, 1_000, 5_000];
const longestPollMs = 10;

/** The units of this installation's VMMs: transient ones, in no file of the host's, gone with their VMM. */
export class VmUnits {
  readonly #manager: SystemdManager;
  readonly #layout: Pick<Layout, "alias">;

  constructor(manager: SystemdManager, layout: Pick<Layout, "alias">) {
    this.#manager = manager;
    this.#layout = layout;
  }

  /** A VMM's unit. */
  name(vmId: string): string {
    return `banger-vm-${vmId}.service`;
  }

  /** VMs that have a unit, whether anything of it runs or not. */
  vms(): string[] {
    return names().flatMap((name) => {
      const vmId = ofVm.exec(name)?.[1];
      return vmId !== undefined && this.has(vmId) ? [vmId] : [];
    });
  }

  /** Whether a VM has a unit: one that name, slice and description say to be this installation's. */
  has(vmId: string): boolean {
    const lines = linesOf(join(told, this.name(vmId)));
    return lines.includes(`Slice=${vmSlice}`) && lines.includes(`Description=${this.#description(vmId)}`);
  }

  async start(vmId: string, unit: Omit<VmUnit, "description">): Promise<void> {
    const properties = vmUnitProperties({ ...unit, description: this.#description(vmId) });
    await this.#manager.start(this.name(vmId), properties);
  }

  /** Why a VM's unit came to nothing; undefined where it may still come to something. */
  async failureOf(vmId: string): Promise<string | undefined> {
    if (!this.has(vmId)) return "it is gone";
    return this.#manager.failureOf(this.name(vmId));
  }

  /** Makes sure that a VM has no unit. One whose processes have ended goes by itself, unless it failed; what still runs of it is killed. */
  async remove(vmId: string): Promise<void> {
    const began = performance.now();
    let [lookAt, killAt] = [lookMs, killMs];
    let refused: unknown;
    for (let pollMs = 1; this.has(vmId); pollMs = Math.min(pollMs * 2, longestPollMs)) {
      const waited = performance.now() - began;
      if (waited > deadlineMs) {
        const unit = this.name(vmId);
        const said = `${unit} did not end in ${deadlineMs} ms; see \`systemctl status ${unit}\``;
        throw new BangerError("command_failed", said, { cause: refused });
      }
      try {
        if (waited > killAt) {
          killAt += killMs;
          await this.#manager.kill(this.name(vmId));
        } else if (waited > lookAt) {
          lookAt += 4 * lookMs;
          if ((await this.failureOf(vmId)) !== undefined) await this.#manager.forget(this.name(vmId));
        }
      } catch (error) {
        // It may have gone meanwhile.
        refused = error;
      }
      await delay(pollMs);
    }
  }

  #description(vmId: string): string {
    return `VM ${vmId} of banger (${this.#layout.alias(vmId)})`;
  }
}

function names(): string[] {
  try {
    return readdirSync(told);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

function linesOf(path: string): string[] {
  try {
    return readFileSync(path, "utf8").split("\n");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
