import { readFileSync } from "node:fs";
import { parseSubnet } from "../../installation/install-file.ts";
import type { helperContract } from "../../rpc/contract/helper.ts";
import type { ResultOf } from "../../rpc/contract/method.ts";
import type { HelperDeps } from "../deps.ts";
import type { BaseChain, Compare, ForeignRule } from "../netlink/nf-foreign.ts";
import { ipv4Bytes } from "./address.ts";
import { inKernel } from "./in-kernel.ts";

type Drops = NonNullable<ResultOf<typeof helperContract.natEnsure>["drops"]>;
type Cuts = NonNullable<ResultOf<typeof helperContract.natEnsure>["cuts"]>;
/** A chain of somebody else's that drops what guests send or get. */
type Dropper = Drops[number] | Cuts[number];
type Hook = Dropper["hook"];

/** The chains that Docker, and ufw, leave to others' rules. */
const places = ["DOCKER-USER", "ufw-user-forward"];
const legacyTables = "/proc/net/ip_tables_names";

/** What is looked through for droppers. */
type DroppersDeps = Pick<HelperDeps, "foreign" | "installation" | "layout">;

/** The same, where it can be found out: what is only a hint keeps no VM from its start. */
export async function findDroppers(
  deps: DroppersDeps & Pick<HelperDeps, "log" | "spans">,
): Promise<{ drops?: Drops; cuts?: Cuts }> {
  try {
    const found = await inKernel(deps.spans, "drops find", { table: deps.layout.table }, () => droppers(deps));
    const cuts = found.filter(isCut);
    return { drops: found.filter((one) => !isCut(one)), ...(cuts.length === 0 ? {} : { cuts }) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    deps.log.warn({ reason }, "whose rules drop what guests send can't be found out");
    return {};
  }
}

function isCut(one: Dropper): one is Cuts[number] {
  return one.hook !== "input" && one.hook !== "forward";
}

/**
 * The chains of others that end guests' packets: a drop is final, whatever banger's own chains say. A chain counts as one when its
 * policy, a rule without a condition or one for the bridge or the subnet drops, unless a rule of its table lets these through.
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
    if (rules === undefined && hook !== "forward") return [];
    if (rules === undefined) return [{ hook, family, table, chain: name, why: "unknown", too_many_rules: true }];
    const drops = rules.some((rule) => rule.chain === name && rule.verdict === "drop" && takesAll(deps, rule, hook));
    if (!chain.dropsByPolicy && !drops) return [];
    if (letsThrough(deps, rules, hook)) return [];
    const place = hook === "forward" ? places.find((name) => rules.some(({ chain: of }) => of === name)) : undefined;
    const why = chain.dropsByPolicy ? "policy" : "rule";
    const answers = rules.some(isForAnswers) ? { answers_pass: true } : {};
    return [{ hook, family, table, chain: name, why, ...answers, ...(place === undefined ? {} : { place }) }];
  });
  return [...found, ...legacyChains()];
}

/** True for a rule that asks nothing of a packet, or only whether it is a guest's. */
function takesAll(deps: DroppersDeps, { isUnconditional, onlyCompares, compares }: ForeignRule, hook: Hook): boolean {
  if (isUnconditional) return true;
  const sides = hook === "forward" ? ["from", "to"] : [hook === "output" || hook === "postrouting" ? "to" : "from"];
  return onlyCompares && compares.length > 0 && compares.every((one) => sides.includes(one.side) && isOurs(deps, one));
}

/** True for the bridge's name, and for a network that holds the guests' addresses. */
function isOurs(
  { installation, layout }: Pick<HelperDeps, "installation" | "layout">,
  { value, mask, isEqual }: Compare,
): boolean {
  if (!isEqual) return false;
  if (value.toString("latin1").replace(/\0+$/, "") === layout.bridge) return true;
  const network = ipv4Bytes(parseSubnet(installation.subnet).network);
  return (
    value.length <= network.length && value.every((byte, at) => ((network[at] ?? 0) & (mask?.[at] ?? 255)) === byte)
  );
}

function isForAnswers({ verdict, heedsState }: ForeignRule): boolean {
  return verdict === "accept" && heedsState;
}

/** A rule that accepts the bridge's or the subnet's own, or hands it to a chain of theirs, is somebody's decision. */
function letsThrough(deps: DroppersDeps, rules: readonly ForeignRule[], hook: Hook): boolean {
  const letting = rules.filter(({ verdict }) => verdict === "accept" || verdict === "elsewhere");
  const names = (side: "from" | "to") =>
    letting.some((rule) => rule.compares.some((one) => one.side === side && isOurs(deps, one)));
  if (hook !== "forward") return names(hook === "output" || hook === "postrouting" ? "to" : "from");
  return names("from") && (names("to") || letting.some(isForAnswers));
}

/** What the older iptables has in the kernel can't be read so; that it is there is worth a word. */
export function legacyChains(): Drops {
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
