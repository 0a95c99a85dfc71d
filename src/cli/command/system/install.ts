import { localCommand } from "../../command.ts";
import { lines } from "../../output/names.ts";
import { dryRun, readyWithin } from "../../system/flags.ts";

/** `system install`. */
export const systemInstall = localCommand({
  noun: "system",
  verb: "install",
  spec: {
    summary: "Installs this package as two services, for one owner; again, it puts back what was changed or cut off.",
    traced: true,
    params: [
      {
        name: "owner",
        type: "string",
        many: false,
        required: false,
        summary: "the user who works with it, without sudo from then on (default: who called sudo)",
      },
      readyWithin,
      dryRun,
    ],
  },
  examples: [
    "sudo bin/banger system install",
    "sudo bin/banger system install --owner alice",
    "sudo bin/banger system install --dry-run",
  ],
  run: async (context, { owner, ready_s: ready, dry_run: dry }) => {
    const { mustBeRoot, thisHost } = await import("../../system/this-host.ts");
    const { install } = await import("../../../setup/install/install.ts");
    mustBeRoot();
    const options = {
      owner: owner as string | undefined,
      sudoUser: process.env["SUDO_USER"],
      dryRun: dry === true,
    };
    const done = await install(thisHost(context, Number(ready ?? 30) * 1_000), options);
    await context.print(done, ({ version, owner: name, state_dir: state, changed, would }) => {
      if (would !== undefined)
        return would.length === 0 ? `already installed: ${version}, for ${name}\n` : lines(would);
      if (!changed) return `already installed: ${version}, for ${name}\n`;
      return `installed: ${version}, for ${name}, who needs no sudo from here on; VMs are kept in ${state}\nnext, as ${name}: \`banger doctor\`\n`;
    });
  },
});
