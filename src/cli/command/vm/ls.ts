import { command } from "../../command.ts";
import { lines } from "../../output/names.ts";
import { vmTable } from "./render.ts";

/** `vm ls`. */
export const vmLs = command({
  noun: "vm",
  verb: "ls",
  aliases: ["list"],
  method: "vmList",
  positionals: [],
  quiet: "the names alone, a line each",
  examples: ["banger vm ls", "banger vm ls -q --state running", "banger vm ls --label team=infra --json"],
  run: async ({ call, print, quiet }, params) =>
    print(await call("vmList", params), ({ vms }) => (quiet ? lines(vms.map(({ name }) => name)) : vmTable(vms))),
});
