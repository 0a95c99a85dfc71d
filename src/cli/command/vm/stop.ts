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
  run: async ({ call, print, note, json }, params) => {
    const vm = await call("vmStop", params);
    if (json) await print(vm, () => "");
    else note(stopText(vm));
  },
});
