import { command } from "../../command.ts";

/** `vm resume`. */
export const vmResume = command({
  noun: "vm",
  verb: "resume",
  aliases: ["unpause"],
  method: "vmResume",
  positionals: ["vm"],
  several: true,
  examples: ["banger vm resume web", "banger vm resume web db"],
  run: async ({ call, print, note, json }, params) => {
    const vm = await call("vmResume", params);
    if (json) await print(vm, () => "");
    else note(vm.unchanged === true ? `${vm.name} is not paused` : `${vm.name} goes on`);
  },
});
