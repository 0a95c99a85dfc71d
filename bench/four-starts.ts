import type { Vm } from "../src/rpc/contract/vm.ts";
import { type Comparison, timed } from "./comparison.ts";
import { run } from "./programs.ts";
import { qemuByHand } from "./qemu-by-hand.ts";

const names = ["one", "two", "three", "four"];

/** Four `banger vm start` at once against four QEMUs at once, by hand: until the last of them answers. */
export async function fourStarts(): Promise<Comparison> {
  const vms: Vm[] = [];
  for (const name of names) vms.push(JSON.parse(await run("banger", ["vm", "create", "--name", name, "--json"])) as Vm);
  const byHand = vms.map((vm, number) => qemuByHand(vm, number));
  return {
    name: "four starts at once",
    ours: "banger vm start",
    rival: "QEMU by hand",
    aim: { ratio: 1.05 },
    runs: 8,
    measureOurs: async () => {
      const took = await timed(() => Promise.all(names.map((name) => run("banger", ["vm", "start", name, "--quiet"]))));
      for (const name of names) await run("banger", ["vm", "kill", name, "--quiet"]);
      return took;
    },
    measureRival: async () => Math.max(...(await Promise.all(byHand.map((qemu) => qemu.start())))),
  };
}
