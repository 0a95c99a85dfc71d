import { BangerError } from "../../../rpc/contract/errors.ts";
import { printable } from "../../../rpc/printable.ts";
import { command } from "../../command.ts";
import { follow, underOpId } from "./follow.ts";

/** `operation cancel`: waits until what was begun is undone. */
export const operationCancel = command({
  noun: "operation",
  verb: "cancel",
  method: "operationCancel",
  positionals: ["op_id"],
  examples: ["banger operation cancel last", "banger operation cancel op-4bf92f35"],
  run: async (context, params) => {
    const { call, json, print, note } = context;
    const asked = await call("operationCancel", params, underOpId(params.op_id));
    const { op_id: opId, next } = asked;
    const operation = asked.state === "running" ? await follow(context, opId, { from: next, cancels: false }) : asked;
    if (operation.state !== "cancelled") {
      throw new BangerError("wrong_state", `operation cancel: it had ended before: it is ${operation.state}`, {
        opId,
        details: { hint: `\`banger operation show ${opId}\` shows what came of it.` },
      });
    }
    if (json) return print(operation, () => "");
    if (operation.error?.details?.["not_undone"] !== undefined) note(printable(operation.error.message));
    return note(`${operation.method} is cancelled (${opId})`);
  },
});
