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
    print(await call("ping", {}), ({ version, pid, helper, helper_version, accelerator, requests }) =>
      fields([
        ["daemon", `version ${version}, pid ${pid}`],
        ["helper", helper_version === null ? helper : `${helper}, version ${helper_version}`],
        ["guests", accelerator === null ? null : `${accelerator.kind}: ${accelerator.why}`],
        ["requests", `${requests.traced} traced, ${requests.polls} polls`],
      ]),
    ),
});
