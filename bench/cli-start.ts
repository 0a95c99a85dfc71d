import type { Comparison } from "./comparison.ts";
import { timeProgram } from "./programs.ts";

/** `banger vm ls` against a Node that does nothing. */
export async function cliStart(): Promise<Comparison> {
  return {
    name: "list the VMs",
    ours: "banger vm ls",
    rival: "node -e 0",
    aim: { ratio: 1.4 },
    runs: 40,
    measureOurs: () => timeProgram("banger", ["vm", "ls"]),
    measureRival: () => timeProgram("node", ["-e", "0"]),
  };
}
