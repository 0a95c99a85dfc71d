import { command } from "../../command.ts";
import { kernelTable } from "./render.ts";

/** `kernel ls`. */
export const kernelLs = command({
  noun: "kernel",
  verb: "ls",
  method: "kernelList",
  positionals: [],
  examples: ["banger kernel ls"],
  run: async ({ call, print }) => print(await call("kernelList", {}), ({ kernels }) => kernelTable(kernels)),
});
