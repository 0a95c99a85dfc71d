import type { Layout } from "../../installation/layout.ts";
import type { Vm } from "../../rpc/contract/vm.ts";
import type { RunningVms } from "./running.ts";

/** What asking how VMs are needs. */
export interface AskedHealthDeps {
  readonly layout: Pick<Layout, "tap">;
  readonly running: Pick<RunningVms, "askedHealthOf">;
  /** The names of this host's links. */
  readonly links: () => { has(name: string): boolean };
}

/** What is the matter with each of some VMs: their agents are asked, and whether their taps are there is read once for all. */
export async function askedHealth<V extends Vm>(deps: AskedHealthDeps, vms: readonly V[]): Promise<V[]> {
  const links = vms.some(({ state }) => state === "running") ? deps.links() : undefined;
  return Promise.all(
    vms.map(async (vm) => {
      const health = await deps.running.askedHealthOf(vm);
      const isCutOff = health === "ok" && hasNetwork(vm) && links?.has(deps.layout.tap(vm.id)) === false;
      return { ...vm, health: isCutOff ? "tap_gone" : health };
    }),
  );
}

/** As it runs: a change may wait for its next start. */
function hasNetwork({ network, waits }: Vm): boolean {
  return (waits?.["network"] ?? network) !== "none";
}
