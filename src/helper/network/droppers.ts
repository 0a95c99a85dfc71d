import { readFileSync } from "node:fs";
import { parseSubnet } from "../../installation/install-file.ts";
import type { helperContract } from "../../rpc/contract/helper.ts";
import type { ResultOf } from "../../rpc/contract/method.ts";
import type { HelperDeps } from "../deps.ts";
import type { BaseChain, ForeignRule } from "../netlink/nf-foreign.ts";
import { ipv4Bytes } from "./address.ts";
import { inKernel } from "./in-kernel.ts";

/** A chain of somebody else's that drops what guests send or get. */
export type Dropper = NonNullable<ResultOf<typeof helperContract.natEnsure>["drops"]>[number];

/** The chains that Docker, and ufw, leave to others' rules. */
const places = ["DOCKER-USER", "ufw-user-forward"];
const legacyTables = "/proc/net/ip_tables_names";

/** What is looked through for droppers. */
type DroppersDeps = Pick<HelperDeps, "foreign" | "installation" | "layout">;

/** The same, where it can be found out: what is only a hint keeps no VM from its start. */
export async function findDroppers(
  deps: DroppersDeps & Pick<HelperDeps, "log" | "spans">,
): Promise<Dropper[] | undefined> {
  try {
    return await inKernel(deps.spans, "drops find", { table: deps.layout.table }, () => droppers(deps));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    deps.log.warn({ reason }, "whose rules drop what guests send can't be found out");
    return undefined;
  }
}

/**
 * The chains of others that end guests' packets: a drop is final, whatever banger's own chains say. A chain counts as one when its
 * policy or a rule without a condition drops, unless a rule of its table lets the bridge or the subnet through.
 */
function droppers(deps: DroppersDeps): Dropper[] {
  const { foreign, layout } = deps;
  const chains = foreign.baseChains().filter(({ table, hook }) => table !== layout.table && hook !== "other");
  const rulesOf = memoized((chain: BaseChain) => foreign.rules(chain));
  const found = chains.flatMap((chain): Dropper[] => {
    const { family, table, name, hook } = chain;
    if (hook === "other") return [];
    const rules = rulesOf(chain);
    // Of the host's own chain nothing is said then: guests may well find names.
    if (rules === undefined && hook === "input") return [];
    if (rules === undefined) return [{ hook, family, table, chain: name, why: "unknown", too_many_rules: true }];
    const drops = rules.some((rule) => rule.chain === name && rule.isUnconditional && rule.verdict === "drop");
    if (!chain.dropsByPolicy && !drops) return [];
    if (letsThrough(deps, rules, hook)) return [];
    const place = hook === "forward" ? places.find((name) => rules.some(({ chain: of }) => of === name)) : undefined;
    const why = chain.dropsByPolicy ? "policy" : "rule";
    return [{ hook, family, table, chain: name, why, ...(place === undefined ? {} : { place }) }];
  });
  return [...found, ...legacy()];
}

/** A rule that accepts the bridge's or the subnet's own, or hands it to a chain of theirs, is somebody's decision. */
function letsThrough(
  { installation, layout }: Pick<HelperDeps, "installation" | "layout">,
  rules: readonly ForeignRule[],
  hook: Dropper["hook"],
): boolean {
  const network = ipv4Bytes(parseSubnet(installation.subnet).network);
  const isOurs = (value: Buffer) =>
    value.toString("latin1").replace(/\0+$/, "") === layout.bridge ||
    (value.length >= 3 && value.length <= 4 && network.subarray(0, value.length).equals(value));
  const letting = rules.filter(({ verdict }) => verdict === "accept" || verdict === "elsewhere");
  const names = (side: "from" | "to") =>
    letting.some((rule) => rule.compares.some((one) => one.side === side && isOurs(one.value)));
  const answersPass = () => letting.some(({ verdict, heedsState }) => verdict === "accept" && heedsState);
  return names("from") && (hook === "input" || names("to") || answersPass());
}

/** What the older iptables has in the kernel can't be read so; that it is there is worth a word. */
function legacy(): Dropper[] {
  try {
    const tables = readFileSync(legacyTables, "utf8").split("\n");
    if (!tables.includes("filter")) return [];
    return [{ hook: "forward", family: "ip", table: "filter", chain: "FORWARD", why: "unknown" }];
  } catch {
    return [];
  }
}

function memoized<T>(read: (chain: BaseChain) => T): (chain: BaseChain) => T {
  const known = new Map<string, { readonly rules: T }>();
  return (chain) => {
    const key = `${chain.family} ${chain.table}`;
    const found = known.get(key) ?? { rules: read(chain) };
    known.set(key, found);
    return found.rules;
  };
}
