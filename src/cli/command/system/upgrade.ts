import { localCommand } from "../../command.ts";
import { lines } from "../../output/names.ts";
import { dryRun, readyWithin } from "../../system/flags.ts";

/** `system upgrade`. */
export const systemUpgrade = localCommand({
  noun: "system",
  verb: "upgrade",
  spec: {
    summary: "Changes over to this package under VMs that run; where it isn't ready in time, goes back by itself.",
    traced: true,
    params: [readyWithin, dryRun],
  },
  examples: ["sudo bin/banger system upgrade", "sudo bin/banger system upgrade --dry-run"],
  run: async (context, { ready_s: ready, dry_run: dry }) => {
    const { mustBeRoot, thisHost } = await import("../../system/this-host.ts");
    const { upgrade } = await import("../../../setup/install/upgrade.ts");
    mustBeRoot();
    const done = await upgrade(thisHost(context, Number(ready ?? 30) * 1_000), { dryRun: dry === true });
    await context.print(done, ({ from, version, changed, would }) => {
      if (would !== undefined && would.length > 0) return lines(would);
      if (!changed) return `${version} is installed already\n`;
      return `upgraded: ${from} to ${version}; \`system upgrade\` of the other package goes back\n`;
    });
  },
});
