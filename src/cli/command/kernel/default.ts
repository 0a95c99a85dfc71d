import { command } from "../../command.ts";

/** `kernel default`. */
export const kernelDefault = command({
  noun: "kernel",
  verb: "default",
  method: "kernelDefault",
  positionals: ["kernel"],
  examples: ["banger kernel default linux"],
  run: async ({ call, print, note, json }, params) => {
    const kernel = await call("kernelDefault", params);
    if (json) await print(kernel, () => "");
    else note(`${kernel.name} is the default`);
  },
});
