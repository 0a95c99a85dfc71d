import { defaultVmmText } from "../../../rpc/default-vmm-text.ts";
import { printableLine } from "../../../rpc/printable.ts";
import { command } from "../../command.ts";
import { lines } from "../../output/names.ts";
import { vmmTable } from "./render.ts";

/** `vmm ls`. */
export const vmmLs = command({
  noun: "vmm",
  verb: "ls",
  aliases: ["list"],
  method: "vmmList",
  positionals: [],
  quiet: "the names alone, a line each",
  examples: ["banger vmm ls", "banger vmm ls --json"],
  run: async ({ call, print, quiet, note, json }) => {
    const listed = await call("vmmList", {});
    await print(listed, ({ vmms }) => (quiet ? lines(vmms.map(({ kind }) => kind)) : vmmTable(vmms)));
    if (!json && !quiet) note(printableLine(defaultVmmText(listed)));
  },
});
