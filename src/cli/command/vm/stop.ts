import { command } from "../../command.ts";
import { stopText } from "./render.ts";

/** `vm stop`. */
export const vmStop = command({
  noun: "vm",
  verb: "stop",
  method: "vmStop",
  positionals: ["vm"],
  examples: ["banger vm stop web", "banger vm stop web --timeout-s 5"],
  run: async ({ call, print, note, json }, params) => {
    const vm = await call("vmStop", params);
    if (json) await print(vm, () => "");
    else note(stopText(vm));
  },
});
