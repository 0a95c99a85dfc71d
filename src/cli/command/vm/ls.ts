import { command } from "../../command.ts";
import { vmTable } from "./render.ts";

/** `vm ls`. */
export const vmLs = command({
  noun: "vm",
  verb: "ls",
  method: "vmList",
  positionals: [],
  examples: ["banger vm ls", "banger vm ls --json"],
  run: async ({ call, print }) => print(await call("vmList", {}), ({ vms }) => vmTable(vms)),
});
