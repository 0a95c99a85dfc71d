import { command } from "../../command.ts";

/** `vm rename`. */
export const vmRename = command({
  noun: "vm",
  verb: "rename",
  aliases: ["mv"],
  method: "vmRename",
  positionals: ["vm", "name"],
  examples: ["banger vm rename web shop"],
  run: async ({ call, print, note, json }, params) => {
    const vm = await call("vmRename", params);
    if (json) return await print(vm, () => "");
    if (vm.unchanged === true) return note(`${vm.name} is called so already`);
    const later = vm.state === "running" ? "; its guest calls itself so from its next start on" : "";
    return note(`${params.vm} is called ${vm.name} now${later}`);
  },
});
