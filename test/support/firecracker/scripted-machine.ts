import { duplexPair, type Duplex } from "node:stream";
import { ScriptedAgent } from "../scripted-agent.ts";
import type { Machine, MachineConfig } from "./machine.ts";

/** No guest, and its agent. */
export class ScriptedMachine implements Machine {
  readonly agent = new ScriptedAgent();
  /** What it was begun with. */
  config: MachineConfig | undefined;
  /** False while nothing in the guest listens. */
  listens = true;
  disk = { read: 0, written: 0 };
  /** What was told of its disks, as `root /path`. */
  readonly changedDisks: string[] = [];
  /** Called when ctrl-alt-del is pressed; a guest that has no handler does nothing. */
  onCtrlAltDel: () => void = () => undefined;
  /** Called when its guest is let go on. */
  onResume: () => void = () => undefined;

  start(config: MachineConfig): Promise<void> {
    this.config = config;
    return Promise.resolve();
  }

  pause(): Promise<void> {
    return Promise.resolve();
  }

  resume(): Promise<void> {
    this.onResume();
    return Promise.resolve();
  }

  pressCtrlAltDel(): Promise<void> {
    this.onCtrlAltDel();
    return Promise.resolve();
  }

  diskChanged(id: string, path: string): Promise<void> {
    this.changedDisks.push(`${id} ${path}`);
    return Promise.resolve();
  }

  diskUse(): Promise<{ read: number; written: number }> {
    return Promise.resolve(this.disk);
  }

  connect(port: number): Promise<Duplex | undefined> {
    if (!this.listens || port !== 5_000) return Promise.resolve(undefined);
    const [host, guest] = duplexPair();
    this.agent.serve(guest);
    return Promise.resolve(host);
  }
}
