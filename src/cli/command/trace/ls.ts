import { command } from "../../command.ts";
import { lines } from "../../output/names.ts";
import { table } from "../../output/table.ts";
import { age, duration } from "../../output/units.ts";

/** `trace ls`. */
export const traceLs = command({
  noun: "trace",
  verb: "ls",
  aliases: ["list"],
  method: "traceList",
  positionals: [],
  quiet: "the op_ids alone, a line each",
  short: { limit: "n" },
  examples: ["banger trace ls", "banger trace ls -n 5"],
  run: async ({ call, print, quiet }, params) =>
    print(await call("traceList", params), ({ operations }) =>
      quiet
        ? lines(operations.map(({ op_id: opId }) => opId))
        : table(
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
