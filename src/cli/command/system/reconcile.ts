import { command, type Result } from "../../command.ts";
import { table } from "../../output/table.ts";
import { shortId } from "../../output/units.ts";

/** `reconcile`: 0 when all that was found could be put right, else 1. */
export const systemReconcile = command({
  noun: "system",
  verb: "reconcile",
  method: "systemReconcile",
  positionals: [],
  examples: ["banger reconcile --dry-run", "banger reconcile", "banger reconcile --json"],
  run: async ({ call, print }, params) => {
    const found = await call("systemReconcile", params);
    await print(found, ({ items }) => table(["WHAT", "FOUND", "OUTCOME", "WHY"], items.map(rowOf), nothing));
    return found.items.some(({ error }) => error !== undefined) ? 1 : 0;
  },
});

const nothing = "nothing to do; `banger doctor` looks at the network, the volumes and the rest of the host";

type Item = Result<"systemReconcile">["items"][number];

/** What would be done, for a person. */
const wouldBe: Readonly<Record<Item["action"], string>> = {
  adopt: "would be adopted",
  end: "would be ended",
  remove: "would be removed",
  go_on_stopping: "would go on stopping",
  none: "stays",
};

function rowOf({ vm_id: id, name, path, found, action, why, outcome, error }: Item): string[] {
  const what = name ?? (id === undefined ? (path ?? "") : shortId(id));
  const done = outcome === undefined ? wouldBe[action] : outcome === "left" ? "stays" : outcome;
  return [what, found.join(", "), error === undefined ? done : "not done", error ?? why];
}
