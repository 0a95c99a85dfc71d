import { localCommand } from "../../command.ts";
import { statusText } from "../../system/status-text.ts";

/** `system status`: 0 when all is well, else 1. */
export const systemStatus = localCommand({
  noun: "system",
  verb: "status",
  spec: {
    summary:
      "Says what is installed and what runs of it, what was changed by hand, and the next step for what is wrong.",
    traced: false,
    params: [],
  },
  examples: ["banger system status", "banger system status --json"],
  run: async (context) => {
    const { thisHost } = await import("../../system/this-host.ts");
    const setup = await import("../../../setup/status/status.ts");
    const status = await setup.systemStatus(thisHost(context));
    await context.print(status, statusText);
    return status.troubles.length === 0 ? 0 : 1;
  },
});
