import { command } from "../../command.ts";

/** `vm kill`. */
export const vmKill = command({
  noun: "vm",
  verb: "kill",
  method: "vmKill",
  positionals: ["vm"],
  examples: ["banger vm kill web"],
  run: async ({ call, print, note, json }, params) => {
    const vm = await call("vmKill", params);
    if (json) await print(vm, () => "");
    else note(`${vm.name} is killed`);
  },
});
