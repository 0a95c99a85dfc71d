import { command } from "../../command.ts";

/** `kernel rm`. */
export const kernelRm = command({
  noun: "kernel",
  verb: "rm",
  aliases: ["delete", "remove"],
  method: "kernelRemove",
  positionals: ["kernel"],
  several: true,
  examples: ["banger kernel rm linux", "banger kernel rm linux old"],
  run: async ({ call, print, note, json }, params) => {
    const removed = await call("kernelRemove", params);
    if (json) await print(removed, () => "");
    else note(`${removed.name} is removed`);
  },
});
