import { command } from "../../command.ts";
import { fields } from "../../output/table.ts";

/** `daemon status`. */
export const daemonStatus = command({
  noun: "daemon",
  verb: "status",
  method: "ping",
  positionals: [],
  examples: ["banger daemon status"],
  run: async ({ call, print }) =>
    print(await call("ping", {}), ({ version, pid, helper, accelerator, requests }) =>
      fields([
        ["daemon", `version ${version}, pid ${pid}`],
        ["helper", helper],
        ["guests", `${accelerator.kind}: ${accelerator.why}`],
        ["requests", `${requests.traced} traced, ${requests.polls} polls`],
      ]),
    ),
});
