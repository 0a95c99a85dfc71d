import { BangerError, errorTable } from "../../../rpc/contract/errors.ts";
import type { Vm } from "../../../rpc/contract/vm.ts";
import { type CommandContext, command, type Input } from "../../command.ts";
import { lines } from "../../output/names.ts";
import { Screen } from "../../output/screen.ts";
import { vmTable } from "./render.ts";

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
    const show = (vms: readonly Vm[]) => (context.quiet ? lines(vms.map(({ name }) => name)) : vmTable(vms));
    if (params.watch === true) return watch(context, params, show);
    await context.print(await context.call("vmList", params), ({ vms }) => show(vms));
    return 0;
  },
});

/** How old things are is told in seconds. */
const redrawMs = 1_000;

async function watch(
  { call, json, print, terminal, write }: CommandContext,
  params: Input<"vmList">,
  show: (vms: readonly Vm[]) => string,
): Promise<number> {
  const screen = terminal.interactive && !json ? new Screen(terminal) : undefined;
  let vms: readonly Vm[] = [];
  let first = true;
  const draw = async () => {
    if (screen !== undefined) return void (await write("stdout", Buffer.from(screen.next(show(vms)))));
    await print(vms, (all) => `${first ? "" : "\n"}${show(all)}`);
    first = false;
  };
  const timer = screen === undefined ? undefined : setInterval(() => void draw().catch(() => undefined), redrawMs);
  try {
    await call("vmList", params, {
      onEvent: async (event, data) => {
        if (event !== "vms") return;
        ({ vms } = data as { vms: readonly Vm[] });
        await draw();
      },
    });
    return 0;
  } catch (error) {
    // Ctrl-C is how it ends.
    if (!(error instanceof BangerError) || error.code !== "cancelled") throw error;
    return errorTable.cancelled.exit;
  } finally {
    clearInterval(timer);
  }
}
