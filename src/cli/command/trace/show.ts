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
    const { op_id: opId, spans } = await call("traceShow", params);
    if (json) print(toOtlp(spans), () => "");
    else print(spans, () => waterfall(opId, spans, terminal));
  },
});
