import type { ResultOf } from "../../../rpc/contract/method.ts";
import type { traceContract } from "../../../rpc/contract/trace.ts";
import { printable } from "../../../rpc/printable.ts";
import { toOtlp } from "../../../telemetry/otlp.ts";
import { command } from "../../command.ts";
import { waterfall } from "../../output/waterfall.ts";

/** `trace show`: with `--json` it is OTLP JSON, as any tool for traces reads it. */
export const traceShow = command({
  noun: "trace",
  verb: "show",
  method: "traceShow",
  positionals: ["operation"],
  examples: ["banger trace show last", "banger trace show op-4bf92f35", "banger trace show --json last > trace.json"],
  run: async ({ call, json, print, terminal }, params) => {
    const { op_id: opId, spans, ...facts } = await call("traceShow", params);
    if (json) await print(toOtlp(spans), () => "");
    else await print(spans, () => `${headerOf(facts)}${waterfall(opId, spans, terminal)}`);
  },
});

/** Who asked and what came of it, as far as that is known. */
function headerOf({
  caller_uid,
  caller_pid,
  outcome,
  error,
}: Omit<ResultOf<typeof traceContract.traceShow>, "op_id" | "spans">) {
  const asked = caller_uid === undefined ? [] : [`asked by uid ${caller_uid}, pid ${caller_pid ?? "?"}`];
  const came = outcome === undefined ? [] : [printable(error === undefined ? outcome : `${outcome}: ${error}`)];
  const known = [...asked, ...came].join(", ");
  return known === "" ? "" : `${known}\n`;
}
