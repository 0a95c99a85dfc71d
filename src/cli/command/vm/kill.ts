import { command } from "../../command.ts";
import { stopText } from "./render.ts";

/** `vm kill`. */
export const vmKill = command({
  noun: "vm",
  verb: "kill",
  method: "vmKill",
  positionals: ["vm"],
  several: true,
  examples: ["banger vm kill web", "banger vm kill web db"],
  run: async ({ call, print, note, json }, params) => {
    const vm = await call("vmKill", params);
    if (json) await print(vm, () => "");
    else note(vm.unchanged === true ? stopText(vm) : `${vm.name} is killed`);
  },
});
