import { type Comparison, timed } from "./comparison.ts";
import { RecordsHost } from "./records-host.ts";

let few: Promise<RecordsHost> | undefined;
let many: Promise<RecordsHost> | undefined;
const hostWithFew = () => (few ??= RecordsHost.start(2, 10));
const hostWithMany = () => (many ??= RecordsHost.start(3, 1000));

/** The same command where there are 1000 VMs, none of which runs, against where there are 10. */
function withMany(name: string, ...args: readonly string[]): () => Promise<Comparison> {
  return async () => {
    const [fewVms, manyVms] = [await hostWithFew(), await hostWithMany()];
    return {
      name,
      ours: "with 1000 VMs",
      rival: "with 10",
      aim: { ratio: 1.5 },
      runs: 20,
      measureOurs: () => timed(() => manyVms.banger(...args)),
      measureRival: () => timed(() => fewVms.banger(...args)),
    };
  };
}

/** What is asked often, and must not hang on how many VMs there are. */
export const listMany = withMany("find VMs by a label", "vm", "ls", "--label", "none", "--json");
export const showMany = withMany("show one VM", "vm", "show", "vm7");
export const reconcileMany = withMany("reconcile", "system", "reconcile", "--dry-run");

/** `banger system reconcile` of 200 directories of VMs that no record has, against removing them by hand. */
export async function reconcileLeftovers(): Promise<Comparison> {
  const host = await hostWithFew();
  const after = async (work: () => Promise<unknown>) => {
    host.leave(200);
    return timed(work);
  };
  return {
    name: "200 leftovers",
    ours: "banger system reconcile",
    rival: "rm -rf",
    aim: { most: 1000 },
    runs: 6,
    measureOurs: () => after(() => host.banger("system", "reconcile")),
    measureRival: () => after(() => host.removeLeft()),
  };
}
