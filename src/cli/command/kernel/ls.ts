import { command } from "../../command.ts";
import { lines } from "../../output/names.ts";
import { kernelTable } from "./render.ts";

/** `kernel ls`. */
export const kernelLs = command({
  noun: "kernel",
  verb: "ls",
  aliases: ["list"],
  method: "kernelList",
  positionals: [],
  quiet: "the names alone, a line each",
  examples: ["banger kernel ls", "banger kernel ls -q"],
  run: async ({ call, print, quiet }) =>
    print(await call("kernelList", {}), ({ kernels }) =>
      quiet ? lines(kernels.map(({ name }) => name)) : kernelTable(kernels),
    ),
});
