import { command } from "../../command.ts";
import { table } from "../../output/table.ts";
import { age, duration } from "../../output/units.ts";

/** `trace ls`. */
export const traceLs = command({
  noun: "trace",
  verb: "ls",
  method: "traceList",
  positionals: [],
  short: { limit: "n" },
  examples: ["banger trace ls", "banger trace ls -n 5"],
  run: async ({ call, print }, params) =>
    print(await call("traceList", params), ({ operations }) =>
      table(
        ["OP_ID", "OPERATION", "STATUS", "TOOK", "SPANS", "STARTED"],
        operations.map((operation) => [
          operation.op_id,
          operation.name,
          operation.status,
          duration(operation.duration_ms),
          String(operation.spans),
          age(operation.started_at),
        ]),
        "no operations yet",
      ),
    ),
});
