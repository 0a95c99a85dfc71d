import { command, type Result } from "../../command.ts";
import { fields } from "../../output/table.ts";

type Helper = Pick<Result<"ping">, "helper" | "helper_error" | "helper_hint" | "helper_version">;

/** `daemon status`. */
export const daemonStatus = command({
  noun: "daemon",
  verb: "status",
  method: "ping",
  positionals: [],
  examples: ["banger daemon status"],
  run: async ({ call, print }) =>
    print(await call("ping", {}), ({ version, pid, accelerator, database, requests, telemetry, logs, ...rest }) =>
      fields([
        ["daemon", `version ${version}, pid ${pid}`],
        ["helper", helper(rest)],
        ["guests", accelerator === null ? null : `${accelerator.kind}: ${accelerator.why}`],
        ["database", database === undefined ? null : exchanged(database)],
        ["requests", `${requests.traced} traced, ${requests.polls} polls`],
        ["traces", telemetry === undefined ? null : exported(telemetry)],
        ["last failure", telemetry?.last_error ? `${telemetry.last_error.text} (${telemetry.last_error.at})` : null],
        ["log records", logs === undefined ? null : dropped(logs)],
      ]),
    ),
});

function helper({ helper, helper_error, helper_hint, helper_version }: Helper): string {
  if (helper === "available") return helper_version === null ? helper : `${helper}, version ${helper_version}`;
  const why = helper_error === undefined ? "" : ` (${helper_error})`;
  return `${helper}${why}; ${helper_hint ?? "start it as root: `bangerd-root`"}`;
}

function exchanged({ database, unowned }: NonNullable<Result<"ping">["database"]>): string {
  const what = database === "new" ? "new" : "older than what lies beside it";
  return `${what}: ${unowned} directories have no record, and stay; \`banger doctor\` says more`;
}

function exported({ endpoint, off, exported, failed, rejected, dropped }: NonNullable<Result<"ping">["telemetry"]>) {
  if (endpoint === null) return `kept here, sent nowhere${off === undefined ? "" : ` (${off})`}`;
  const counts = Object.entries({ exported, failed, rejected, dropped }).filter(
    ([name, count]) => name === "exported" || count > 0,
  );
  return `sent to ${endpoint}: ${counts.map(([name, count]) => `${count} ${name}`).join(", ")}`;
}

const droppedBy: Readonly<Record<keyof NonNullable<Result<"ping">["logs"]>["dropped"], string>> = {
  kept: "by the log that `banger logs` reads: its disk was full or failed",
  output: "by its output or the journal, which stood still",
  helper: "of the helper's, which found no room in its answers",
  collector: "on their way to the collector",
};

function dropped({ dropped: counts, untold }: NonNullable<Result<"ping">["logs"]>): string {
  const lost = Object.entries(droppedBy).flatMap(([by, where]) => {
    const count = counts[by as keyof typeof counts];
    return count === 0 ? [] : [`${count} dropped ${where}`];
  });
  if (untold > 0) lost.push(`the last ${untold} of these are newer than all that \`banger logs\` can show`);
  return lost.length === 0 ? "none dropped" : lost.join("; ");
}
