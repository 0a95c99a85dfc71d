import { command } from "../../command.ts";
import { underOpId } from "./follow.ts";
import { operationText } from "./render.ts";

/** `operation show`. */
export const operationShow = command({
  noun: "operation",
  verb: "show",
  method: "operationStatus",
  positionals: ["op_id"],
  examples: ["banger operation show last", "banger operation show op-4bf92f35"],
  run: async ({ call, print }, params) =>
    print(await call("operationStatus", params, underOpId(params.op_id)), operationText),
});
