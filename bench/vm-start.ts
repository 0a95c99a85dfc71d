import type { Vm } from "../src/rpc/contract/vm.ts";
import type { Comparison } from "./comparison.ts";
import { run, timeProgram } from "./programs.ts";
import { qemuByHand } from "./qemu-by-hand.ts";

/**
 * `banger vm start`, the whole command, against the same QEMU with the same kernel, initrd and disk, started by hand. Under systemd
 * a start has a unit to make too.
 */
export async function vmStart(): Promise<Comparison> {
  const asUnit = process.env["BENCH_UNDER"] === "systemd";
  const vm = JSON.parse(await run("banger", ["vm", "create", "--name", "measured", "--json"])) as Vm;
  const byHand = qemuByHand(vm, 0);
  return {
    name: asUnit ? "start to ready, as a unit" : "start to ready",
    ours: "banger vm start",
    rival: "QEMU by hand",
    aim: { ratio: asUnit ? 1.1 : 1.03 },
    runs: 12,
    measureOurs: async () => {
      const took = await timeProgram("banger", ["vm", "start", "measured", "--quiet"]);
      await run("banger", ["vm", "kill", "measured", "--quiet"]);
      return took;
    },
    measureRival: () => byHand.start(),
  };
}
