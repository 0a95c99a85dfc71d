import { command } from "../../command.ts";

/** `vm set`. */
export const vmSet = command({
  noun: "vm",
  verb: "set",
  method: "vmSet",
  positionals: ["vm"],
  examples: ["banger vm set web --disk 40G"],
  run: async ({ call, print, note, json }, params) => {
    const vm = await call("vmSet", params);
    if (json) return await print(vm, () => "");
    if (vm.unchanged === true) return note(`${vm.name} is so already`);
    const when =
      vm.state === "running" ? "its guest grows the file system now" : "its guest will see that when it starts";
    return note(`${vm.name} has a disk of ${vm.disk_mib} MiB; ${when}`);
  },
});
