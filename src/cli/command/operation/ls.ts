import { command } from "../../command.ts";
import { lines } from "../../output/names.ts";
import { operationTable } from "./render.ts";

/** `operation ls`. */
export const operationLs = command({
  noun: "operation",
  verb: "ls",
  aliases: ["list"],
  method: "operationList",
  positionals: [],
  quiet: "the op_ids alone, a line each",
  short: { limit: "n" },
  examples: ["banger operation ls", "banger operation ls -n 5"],
  show: ({ print, quiet }, listed) =>
    print(listed, ({ operations }) =>
      quiet ? lines(operations.map(({ op_id: opId }) => opId)) : operationTable(operations),
    ),
});
