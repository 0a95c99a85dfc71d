import { spawn } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { AgentClient } from "../src/daemon/guest/agent-client.ts";
import { bootArgs } from "../src/daemon/vmm/firecracker/boot-args.ts";
import { agentPort, connectVsock } from "../src/daemon/vmm/firecracker/vsock.ts";
import { findFirecracker } from "../src/helper/vmm/firecracker-programs.ts";
import type { Vm } from "../src/rpc/contract/vm.ts";
import { openGuest } from "../test/support/agent.ts";
import { initrdByHand, installedLayout, macByHand } from "./initrd-by-hand.ts";
import { run } from "./programs.ts";

const never = new AbortController().signal;

/** Starts the Firecracker of a VM by hand: a configuration file with the same kernel, initrd and disk, on a tap that scripts/bench made. */
export interface FirecrackerByHand {
  /** Resolves once its agent has answered. */
  start(): Promise<RunningByHand>;
}

/** One that answered. */
export interface RunningByHand {
  readonly pid: number;
  /** From spawning it to its agent's answer. */
  readonly tookMs: number;
  end(): Promise<void>;
  /** Ends it and removes its disk. */
  remove(): Promise<void>;
}

/** Prepares what a start by hand needs, which isn't timed. */
export function firecrackerByHand(vm: Vm, number: number): FirecrackerByHand {
  const { firecracker, filter } = findFirecracker();
  if (firecracker === undefined) throw new Error("no firecracker is installed");
  const layout = installedLayout();
  const directory = `/mnt/tmp/by-hand-firecracker-${number}`;
  const [disk, initrd, config, vsock] = [
    `${directory}/root`,
    `${directory}/initrd`,
    `${directory}/config`,
    `${directory}/vsock`,
  ];
  mkdirSync(directory, { recursive: true });
  writeFileSync(initrd, initrdByHand(layout, vm, number), { mode: 0o600 });
  const of = {
    "machine-config": { vcpu_count: vm.cpus, mem_size_mib: vm.memory_mib },
    "boot-source": {
      kernel_image_path: layout.kernel(vm.kernel.id).vmlinux,
      initrd_path: initrd,
      boot_args: bootArgs,
    },
    drives: [
      { drive_id: "root", path_on_host: disk, is_root_device: false, is_read_only: false, cache_type: "Writeback" },
    ],
    "network-interfaces": [{ iface_id: "eth0", host_dev_name: `hand${number}`, guest_mac: macByHand(number) }],
    vsock: { guest_cid: 3, uds_path: vsock },
    entropy: {},
  };
  writeFileSync(config, JSON.stringify(of));
  const filtered = filter === undefined ? [] : ["--seccomp-filter", filter];
  const args = ["--no-api", "--config-file", config, "--level", "Error", ...filtered];
  return {
    start: async () => {
      await run("cp", ["--sparse=always", "--no-preserve=mode", layout.image(vm.image.id), disk]);
      await run("truncate", [`--size=${vm.disk_mib}M`, disk]);
      rmSync(vsock, { force: true });
      const began = performance.now();
      const child = spawn(firecracker.path, args, { stdio: ["ignore", "ignore", "inherit"] });
      const ended = new Promise((resolve) => {
        child.once("close", resolve);
      });
      while (!existsSync(vsock)) await delay(1);
      const stream = await connectVsock((signal) => openGuest(vsock, signal), agentPort, never);
      const agent = await AgentClient.attach({ stream, signal: never, deadlineMs: 60_000 });
      const tookMs = performance.now() - began;
      agent.close();
      const end = async () => {
        child.kill("SIGKILL");
        await ended;
      };
      const remove = () => end().then(() => rmSync(disk));
      return { pid: child.pid ?? 0, tookMs, end, remove };
    },
  };
}
