import { command } from "../../command.ts";
import { tellWarnings } from "../../output/warnings.ts";
import { stageText } from "./render.ts";

/** `vm restart`. */
export const vmRestart = command({
  noun: "vm",
  verb: "restart",
  aliases: ["reboot"],
  method: "vmRestart",
  positionals: ["vm"],
  several: true,
  examples: ["banger vm restart web", "banger vm restart web db --timeout 5s"],
  show: async ({ print, note, json }, vm) => {
    tellWarnings(vm, note);
    if (json) await print(vm, () => "");
    else note(`${vm.name} runs again, at ${vm.address}${stageText(vm)}`);
  },
});
