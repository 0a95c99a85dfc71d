import { command } from "../../command.ts";

/** `vm pause`. */
export const vmPause = command({
  noun: "vm",
  verb: "pause",
  aliases: ["suspend"],
  method: "vmPause",
  positionals: ["vm"],
  several: true,
  examples: ["banger vm pause web", "banger vm pause web db"],
  run: async ({ call, print, note, json }, params) => {
    const vm = await call("vmPause", params);
    if (json) await print(vm, () => "");
    else note(vm.unchanged === true ? `${vm.name} is paused already` : `${vm.name} is paused`);
  },
});
