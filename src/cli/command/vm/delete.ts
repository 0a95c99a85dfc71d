import { command } from "../../command.ts";

/** `vm delete`. */
export const vmDelete = command({
  noun: "vm",
  verb: "delete",
  aliases: ["rm", "remove"],
  method: "vmDelete",
  positionals: ["vm"],
  several: true,
  short: { force: "f" },
  examples: ["banger vm delete web", "banger vm delete --force web"],
  run: async ({ call, print, note, json }, params) => {
    const vm = await call("vmDelete", params);
    if (json) await print(vm, () => "");
    else note(`${vm.name} is deleted`);
  },
});
