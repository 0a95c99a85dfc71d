import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, rmSync, writeFileSync } from "node:fs";
import type { Duplex } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { AgentClient } from "../src/daemon/guest/agent-client.ts";
import { openGuest } from "../test/support/agent.ts";
import { qemuArgv } from "../src/helper/vmm/qemu-argv.ts";
import { inheritedFiles } from "../src/helper/vmm/vmm-files.ts";
import type { Vm } from "../src/rpc/contract/vm.ts";
import { timed } from "./comparison.ts";
import { initrdByHand, installedLayout, macByHand } from "./initrd-by-hand.ts";
import { run } from "./programs.ts";

const never = new AbortController().signal;
const qemu = "/usr/bin/qemu-system-x86_64";

/** Starts the QEMU of a VM by hand: the same argv, kernel, initrd and disk, on a tap `hand<number>` that scripts/bench made. */
export interface QemuByHand {
  /** Resolves with the milliseconds from spawning it to its agent's answer, once it is ended again. */
  start(): Promise<number>;
}

/** QEMU makes the socket's file a moment before it listens. */
async function connected(path: string): Promise<Duplex> {
  for (;;) {
    const stream = existsSync(path) ? await openGuest(path, never).catch(() => undefined) : undefined;
    if (stream !== undefined) return stream;
    await delay(1);
  }
}

/** Prepares what a start by hand needs, which isn't timed. */
export function qemuByHand(vm: Vm, number: number): QemuByHand {
  const layout = installedLayout();
  const kernel = layout.kernel(vm.kernel.id);
  const directory = `/mnt/tmp/by-hand-${number}`;
  const mac = macByHand(number);
  const initrd = `${directory}/initrd`;
  mkdirSync(directory, { recursive: true });
  writeFileSync(initrd, initrdByHand(layout, vm, number), { mode: 0o600 });
  const sockets = { qmp: `${directory}/qmp`, agent: `${directory}/agent` };
  const argv = qemuArgv({
    name: "by-hand",
    cpus: vm.cpus,
    memoryMib: vm.memory_mib,
    accel: "tcg",
    tap: `hand${number}`,
    mac,
    diskFormat: "qcow2",
    files: inheritedFiles(0),
    volumes: [],
    sockets,
  });
  // Running from the first instruction on.
  const args = argv.slice(1).filter((argument) => argument !== "-S");
  return {
    start: async () => {
      const overlay = ["-b", layout.image(vm.image.id), "-F", "raw", `${directory}/root`];
      await run("qemu-img", ["create", "-q", "-f", "qcow2", ...overlay]);
      for (const path of Object.values(sockets)) rmSync(path, { force: true });
      const paths: [string, string][] = [
        [layout.image(vm.image.id), "r"],
        [`${directory}/root`, "r+"],
        [kernel.vmlinux, "r"],
        [initrd, "r"],
      ];
      const files = paths.map(([path, flags]) => openSync(path, flags));
      let ended: Promise<unknown> | undefined;
      let end = () => false;
      const took = await timed(async () => {
        const child = spawn(qemu, args, { stdio: ["ignore", "ignore", "inherit", ...files] });
        ended = new Promise((resolve) => {
          child.once("close", resolve);
        });
        end = () => child.kill("SIGKILL");
        const stream = await connected(sockets.agent);
        const agent = await AgentClient.attach({ stream, signal: never, deadlineMs: 60_000 });
        agent.close();
      });
      end();
      await ended;
      for (const fd of files) closeSync(fd);
      return took;
    },
  };
}
