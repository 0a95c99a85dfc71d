import { command, type Result } from "../../command.ts";
import { fields } from "../../output/table.ts";

type Helper = Pick<Result<"ping">, "helper" | "helper_error" | "helper_version">;

/** `daemon status`. */
export const daemonStatus = command({
  noun: "daemon",
  verb: "status",
  method: "ping",
  positionals: [],
  examples: ["banger daemon status"],
  run: async ({ call, print }) =>
    print(await call("ping", {}), ({ version, pid, accelerator, requests, telemetry, ...rest }) =>
      fields([
        ["daemon", `version ${version}, pid ${pid}`],
        ["helper", helper(rest)],
        ["guests", accelerator === null ? null : `${accelerator.kind}: ${accelerator.why}`],
        ["requests", `${requests.traced} traced, ${requests.polls} polls`],
        ["traces", telemetry === undefined ? null : exported(telemetry)],
        ["last failure", telemetry?.last_error ? `${telemetry.last_error.text} (${telemetry.last_error.at})` : null],
      ]),
    ),
});

function helper({ helper, helper_error, helper_version }: Helper): string {
  if (helper === "available") return helper_version === null ? helper : `${helper}, version ${helper_version}`;
  const why = helper_error === undefined ? "" : ` (${helper_error})`;
  return `${helper}${why}; start it as root: \`bangerd-root\``;
}

function exported({ endpoint, off, exported, failed, rejected, dropped }: NonNullable<Result<"ping">["telemetry"]>) {
  if (endpoint === null) return `kept here, sent nowhere${off === undefined ? "" : ` (${off})`}`;
  const counts = Object.entries({ exported, failed, rejected, dropped }).filter(
    ([name, count]) => name === "exported" || count > 0,
  );
  return `sent to ${endpoint}: ${counts.map(([name, count]) => `${count} ${name}`).join(", ")}`;
}
