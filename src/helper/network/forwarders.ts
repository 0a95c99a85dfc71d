import type { HelperDeps } from "../deps.ts";
import { legacyChains } from "./droppers.ts";
import { inKernel } from "./in-kernel.ts";

/**
 * Another's chain that decides on what this host forwards, as Docker's, libvirt's, a firewall's or another banger's does: forwarding may
 * be needed for it by now. One without rules that lets all pass is nobody's. Undefined too where it can't be found out.
 */
export async function findForwarder(
  deps: Pick<HelperDeps, "foreign" | "layout" | "log" | "spans">,
): Promise<string | undefined> {
  try {
    return await inKernel(deps.spans, "forwarders find", { table: deps.layout.table }, () => forwarder(deps));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    deps.log.warn({ reason }, "who else needs forwarding can't be found out");
    return undefined;
  }
}

function forwarder({ foreign, layout }: Pick<HelperDeps, "foreign" | "layout">): string | undefined {
  const chains = foreign.baseChains().filter(({ table, hook }) => table !== layout.table && hook === "forward");
  const found = chains.find(
    (chain) => chain.dropsByPolicy || foreign.rules(chain)?.some((rule) => rule.chain === chain.name) !== false,
  );
  const [one] = found === undefined ? legacyChains() : [{ ...found, chain: found.name }];
  return one === undefined ? undefined : `chain ${one.chain} of table ${one.family} ${one.table}`;
}
