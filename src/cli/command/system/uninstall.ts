import { localCommand } from "../../command.ts";
import { lines } from "../../output/names.ts";
import { dryRun } from "../../system/flags.ts";

const flag = { type: "boolean", many: false, required: false } as const;

/** `system uninstall`. */
export const systemUninstall = localCommand({
  noun: "system",
  verb: "uninstall",
  short: { force: "f" },
  spec: {
    summary:
      "Removes all that `system install` made; VMs, volumes, images and kernels stay, unless they are to go too.",
    traced: true,
    params: [
      { ...flag, name: "stop_vms", summary: "stop the VMs that run, instead of refusing" },
      { ...flag, name: "purge", summary: "also remove all VMs, volumes, images and kernels" },
      { ...flag, name: "force", summary: "with --purge: don't ask" },
      dryRun,
    ],
  },
  examples: [
    "sudo banger system uninstall",
    "sudo banger system uninstall --stop-vms --purge",
    "sudo banger system uninstall --dry-run",
  ],
  run: async (context, { stop_vms: stopVms, purge, force, dry_run: dry }) => {
    const { mustBeRoot, thisHost } = await import("../../system/this-host.ts");
    const { uninstall } = await import("../../../setup/uninstall/uninstall.ts");
    mustBeRoot();
    const done = await uninstall(thisHost(context), {
      stopVms: stopVms === true,
      purge: purge === true,
      dryRun: dry === true,
      sure: async (question) => force === true || (await context.ask(question)),
    });
    await context.print(done, ({ removed, kept, would }) => {
      if (would !== undefined) return lines(would);
      if (!removed) return "";
      return kept.length === 0 ? "nothing of banger is left\n" : `removed; kept: ${kept.join(", ")}\n`;
    });
  },
});
