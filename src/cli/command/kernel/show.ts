import { command } from "../../command.ts";
import { kernelFields } from "./render.ts";

/** `kernel show`. */
export const kernelShow = command({
  noun: "kernel",
  verb: "show",
  method: "kernelShow",
  positionals: ["kernel"],
  examples: ["banger kernel show linux"],
  run: async ({ call, print }, params) => print(await call("kernelShow", params), kernelFields),
});
