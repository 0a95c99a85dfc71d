import { command } from "../../command.ts";
import { failureOf, follow, underOpId } from "./follow.ts";

const cancels = "cancel_on_interrupt";

/** `operation wait`: shows what the command that began it would have shown, and ends as that would have ended. */
export const operationWait = command({
  noun: "operation",
  verb: "wait",
  method: "operationWait",
  positionals: ["op_id"],
  switches: [{ name: cancels, summary: "Ctrl-C cancels the operation and waits for its undoing; else it only leaves" }],
  examples: ["banger operation wait last", "banger operation wait op-4bf92f35 --cancel-on-interrupt"],
  run: async (context, { op_id: reference, from = 0 }) => {
    const { call, json, print, note, showResult, switches } = context;
    // What `last` is may change while it is waited for.
    const { op_id: opId } = await call("operationStatus", { op_id: reference }, underOpId(reference));
    const operation = await follow(context, opId, { from, cancels: switches.has(cancels) });
    const failure = failureOf(operation);
    if (failure !== undefined) throw failure;
    if (json) await print(operation, () => "");
    else if (operation.result === undefined || !(await showResult(operation))) note(`${operation.method} is done`);
  },
});
