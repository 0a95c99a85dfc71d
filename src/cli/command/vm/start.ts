import { command } from "../../command.ts";

/** `vm start`. */
export const vmStart = command({
  noun: "vm",
  verb: "start",
  method: "vmStart",
  positionals: ["vm"],
  examples: ["banger vm start web"],
  run: async ({ call, print, note, json, opId }, params) => {
    const vm = await call("vmStart", params);
    if (json) await print(vm, () => "");
    else note(`${vm.name} runs at ${vm.address}; \`banger trace show ${opId}\` shows how it came to`);
  },
});
