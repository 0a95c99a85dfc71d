import { command } from "../../command.ts";
import { stageText, workDiskText } from "./render.ts";

/** `vm delete`. */
export const vmDelete = command({
  noun: "vm",
  verb: "delete",
  aliases: ["rm", "remove"],
  method: "vmDelete",
  positionals: ["vm"],
  several: true,
  short: { force: "f" },
  examples: ["banger vm delete web", "banger vm delete --force web", "banger vm delete --keep-work web"],
  run: async ({ call, print, note, json }, params) => {
    const vm = await call("vmDelete", params);
    if (json) await print(vm, () => "");
    else note(`${vm.name} is deleted${stageText(vm)}${workDiskText(vm.work_disk)}`);
    if (params.keep_work === true && vm.work_disk === undefined) note(`it had no work disk to keep`);
  },
});
