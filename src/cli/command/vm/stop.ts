import { command } from "../../command.ts";
import { stopText } from "./render.ts";

/** `vm stop`. */
export const vmStop = command({
  noun: "vm",
  verb: "stop",
  method: "vmStop",
  positionals: ["vm"],
  several: true,
  examples: ["banger vm stop web", "banger vm stop web db --timeout 5s"],
  show: async ({ print, note, json }, vm) => {
    if (json) await print(vm, () => "");
    else note(stopText(vm));
  },
});
