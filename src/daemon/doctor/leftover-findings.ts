import type { Finding } from "../../rpc/contract/finding.ts";
import type { ResultOf } from "../../rpc/contract/method.ts";
import type { systemContract } from "../../rpc/contract/system.ts";
import type { Action, Planned } from "../vm/reconcile/plan.ts";

type Item = ResultOf<typeof systemContract.systemReconcile>["items"][number];

const hint = "`banger doctor --fix` puts it right; `banger reconcile --dry-run` says what that would do.";

const unownedHint =
  "Keep what it holds, or put the database back that knows it. `banger reconcile --remove-unowned` removes all that no record owns.";

/** How what isn't as it should be is told; the other actions are for what a daemon does by itself, or another check tells. */
const told: Readonly<Partial<Record<Action, (thing: string, planned: Planned) => Finding>>> = {
  remove: (thing, { found, why }) => ({
    code: "leftover",
    level: "warning",
    message: `${thing} has left ${found.join(", ")}: ${why}`,
    hint,
  }),
  go_on_stopping: (thing, { found, why }) => ({
    code: "leftover",
    level: "warning",
    message: `${thing} has left ${found.join(", ")}: ${why}`,
    hint,
  }),
  end: (thing, { why }) => ({ code: "record_untrue", level: "warning", message: `${thing}: ${why}`, hint }),
  none: (thing, { found, why, unowned }) =>
    unowned === true
      ? { code: "unowned", level: "warning", message: `${thing}: ${found.join(", ")}: ${why}`, hint: unownedHint }
      : gone(thing, found, why),
};

function gone(thing: string, found: readonly string[], why: string): Finding {
  return {
    code: found.includes("tap") ? "tap_gone" : "disk_gone",
    level: "error",
    message: `${thing}: ${why}`,
    hint: found.includes("tap")
      ? "`banger vm restart` makes another."
      : "Put the file back, or delete the VM and make it again.",
  };
}

/** What reconciling would put right, as the doctor tells it. */
export function leftoverFindings(plan: readonly Planned[]): Finding[] {
  return plan.flatMap((planned) => {
    const { vm, path = "", action } = planned;
    const finding = told[action]?.(vm === undefined ? path : `vm ${vm.name ?? vm.id}`, planned);
    return finding === undefined ? [] : [finding];
  });
}

/** What reconciling did, a line each. */
export function reconciledLines(items: readonly Item[]): string[] {
  return items
    .filter(({ action }) => action !== "none")
    .map(({ vm_id: id, name, path, found, outcome, error }) => {
      const thing = `${found.join(", ")} of ${id === undefined ? path : `vm ${name ?? id}`}`;
      return error === undefined ? `${outcome}: ${thing}` : `not done: ${thing}: ${error}`;
    });
}
