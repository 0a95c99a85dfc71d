import { spawn } from "node:child_process";
import {
  appendFileSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { AgentClient } from "../src/daemon/guest/agent-client.ts";
import { openAgentSocket } from "../src/daemon/guest/agent-socket.ts";
import { guestConfigArchive } from "../src/daemon/guest/guest-config.ts";
import { guestPrograms } from "../src/daemon/guest/guest-programs.ts";
import { qemuArgv } from "../src/helper/vmm/qemu-argv.ts";
import { inheritedFiles } from "../src/helper/vmm/vmm-files.ts";
import { parseInstallFile } from "../src/installation/install-file.ts";
import { layoutOf } from "../src/installation/layout.ts";
import type { Vm } from "../src/rpc/contract/vm.ts";
import type { Comparison } from "./comparison.ts";
import { timed } from "./comparison.ts";
import { run, timeProgram } from "./programs.ts";

const directory = "/mnt/tmp/by-hand";
const never = new AbortController().signal;
const qemu = "/usr/bin/qemu-system-x86_64";

/** `banger vm start`, the whole command, against the same QEMU with the same kernel, initrd and disk, started by hand. */
export async function vmStart(): Promise<Comparison> {
  const layout = layoutOf(parseInstallFile(readFileSync(process.env["BANGER_CONFIG"] ?? "", "utf8")));
  const vm = JSON.parse(await run("banger", ["vm", "create", "--name", "measured", "--json"])) as Vm;
  const kernel = layout.kernel(vm.kernel.id);
  mkdirSync(directory, { recursive: true });
  const initrd = `${directory}/initrd`;
  copyFileSync(kernel.initrd, initrd);
  rmSync(initrd);
  copyFileSync(kernel.initrd, initrd);
  const key = readFileSync(`${layout.sshKey}.pub`, "utf8");
  const hostKey = readFileSync(layout.vm(vm.id).hostKey, "utf8");
  await run("chmod", ["600", initrd]);
  appendFileSync(initrd, guestPrograms("/mnt/banger/guest/build")());
  appendFileSync(
    initrd,
    guestConfigArchive({
      hostname: "by-hand",
      address: "10.77.0.200/24",
      gateway: "10.77.0.1",
      resolvers: [],
      mac: "02:00:00:00:00:c8",
      authorizedKeys: key,
      hostKey,
      hostKeyPub: readFileSync(`${layout.vm(vm.id).hostKey}.pub`, "utf8"),
    }),
  );
  const sockets = { qmp: `${directory}/qmp`, agent: `${directory}/agent` };
  const argv = qemuArgv({
    name: "by-hand",
    cpus: vm.cpus,
    memoryMib: vm.memory_mib,
    accel: "tcg",
    tap: "hand0",
    mac: "02:00:00:00:00:c8",
    files: inheritedFiles,
    sockets,
  });
  // Running from the first instruction on.
  const args = argv.slice(1).filter((argument) => argument !== "-S");

  const byHand = async (): Promise<number> => {
    await run("qemu-img", [
      "create",
      "-q",
      "-f",
      "qcow2",
      "-b",
      layout.image(vm.image.id),
      "-F",
      "raw",
      `${directory}/root`,
    ]);
    for (const path of Object.values(sockets)) rmSync(path, { force: true });
    const files = [
      openSync(layout.image(vm.image.id), "r"),
      openSync(`${directory}/root`, "r+"),
      openSync(kernel.vmlinux, "r"),
      openSync(initrd, "r"),
    ];
    let ended: Promise<unknown> | undefined;
    let end = () => false;
    const took = await timed(async () => {
      const child = spawn(qemu, args, { stdio: ["ignore", "ignore", "inherit", ...files] });
      ended = new Promise((resolve) => {
        child.once("close", resolve);
      });
      end = () => child.kill("SIGKILL");
      while (!existsSync(sockets.agent)) await delay(1);
      const agent = await AgentClient.attach({
        stream: await openAgentSocket(sockets.agent, never),
        signal: never,
        deadlineMs: 60_000,
      });
      agent.close();
    });
    end();
    await ended;
    for (const fd of files) closeSync(fd);
    return took;
  };
  return {
    name: "start to ready",
    ours: "banger vm start",
    rival: "QEMU by hand",
    aim: { ratio: 1.05 },
    runs: 12,
    measureOurs: async () => {
      const took = await timeProgram("banger", ["vm", "start", "measured", "--quiet"]);
      await run("banger", ["vm", "kill", "measured", "--quiet"]);
      return took;
    },
    measureRival: byHand,
  };
}
