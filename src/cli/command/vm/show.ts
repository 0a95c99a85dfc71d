import { command } from "../../command.ts";
import { vmFields } from "./render.ts";

/** `vm show`. */
export const vmShow = command({
  noun: "vm",
  verb: "show",
  method: "vmShow",
  positionals: ["vm"],
  examples: ["banger vm show web", "banger vm show --json web"],
  run: async ({ call, print }, params) => print(await call("vmShow", params), vmFields),
});
