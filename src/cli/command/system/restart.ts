import { localCommand } from "../../command.ts";
import { readyWithin } from "../../system/flags.ts";

/** `system restart`. */
export const systemRestart = localCommand({
  noun: "system",
  verb: "restart",
  spec: {
    summary: "Starts the services anew and waits until they answer; VMs run on.",
    traced: true,
    params: [
      { name: "daemon", type: "boolean", many: false, required: false, summary: "the daemon alone" },
      { name: "helper", type: "boolean", many: false, required: false, summary: "the root helper alone" },
      readyWithin,
    ],
  },
  examples: ["sudo banger system restart", "sudo banger system restart --helper"],
  run: async (context, { daemon, helper, ready_s: ready }) => {
    const { mustBeRoot, thisHost } = await import("../../system/this-host.ts");
    const { restart } = await import("../../../setup/service/restart.ts");
    mustBeRoot();
    const done = await restart(thisHost(context, Number(ready ?? 30) * 1_000), {
      daemon: daemon === true,
      helper: helper === true,
    });
    await context.print(
      done,
      ({ restarted, version, vms }) => `${restarted.join(" and ")}: ${version}; VMs that run: ${vms.after}\n`,
    );
    if (done.vms.after < done.vms.before)
      context.note(`before, ${done.vms.before} ran: \`banger ls\` says how they ended`);
  },
});
