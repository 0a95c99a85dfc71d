import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import type { ScriptedAgent } from "../scripted-agent.ts";
import { ScriptedFirecracker } from "./scripted-firecracker.ts";
import { ScriptedMachine } from "./scripted-machine.ts";

/** Where one has its sockets and its FIFO. */
interface Paths {
  readonly api: string;
  readonly vsock: string;
  readonly metrics: string;
}

/** A Firecracker without a guest, as a helper starts it. */
export class FirecrackerVmm {
  readonly machine: ScriptedMachine;
  readonly api: ScriptedFirecracker;
  readonly #paths: Paths;

  private constructor(machine: ScriptedMachine, api: ScriptedFirecracker, paths: Paths) {
    this.machine = machine;
    this.api = api;
    this.#paths = paths;
  }

  static async start(paths: Paths): Promise<FirecrackerVmm> {
    for (const path of [paths.api, paths.metrics]) mkdirSync(dirname(path), { recursive: true });
    for (const path of [paths.api, paths.vsock]) rmSync(path, { force: true });
    if (!existsSync(paths.metrics)) execFileSync("mkfifo", [paths.metrics]);
    const machine = new ScriptedMachine();
    return new FirecrackerVmm(machine, await ScriptedFirecracker.start(paths.api, machine), paths);
  }

  get agent(): ScriptedAgent {
    return this.machine.agent;
  }

  /** Is gone, sockets and all. */
  async end(): Promise<void> {
    this.machine.agent.close();
    await this.api.end();
    rmSync(this.#paths.vsock, { force: true });
  }
}
