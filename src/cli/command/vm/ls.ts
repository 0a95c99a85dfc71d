import type { Vm } from "../../../rpc/contract/vm.ts";
import { command } from "../../command.ts";
import { lines } from "../../output/names.ts";
import { watch } from "../../watch.ts";
import { vmTable } from "./render.ts";

/** How old things are is told in seconds. */
const redrawMs = 1_000;

/** `vm ls`; with --watch in place on a terminal, else a table for each change, or a line of JSON. */
export const vmLs = command({
  noun: "vm",
  verb: "ls",
  aliases: ["list"],
  method: "vmList",
  positionals: [],
  short: { watch: "w" },
  quiet: "the names alone, a line each",
  examples: [
    "banger vm ls",
    "banger vm ls -q --state running",
    "banger vm ls --label team=infra --json",
    "banger vm ls -w",
  ],
  run: async (context, params) => {
    const filtered = (params.label ?? []).length + (params.state ?? []).length > 0;
    const table = (vms: readonly Vm[]) => (filtered ? vmTable(vms, "no VM is as asked for") : vmTable(vms));
    const show = (vms: readonly Vm[]) => (context.quiet ? lines(vms.map(({ name }) => name)) : table(vms));
    if (params.watch === true) {
      const read = (data: unknown) => (data as { vms: readonly Vm[] }).vms;
      return watch(context, { method: "vmList", params, event: "vms", read, show, redrawMs });
    }
    await context.print(await context.call("vmList", params), ({ vms }) => show(vms));
    return 0;
  },
});
