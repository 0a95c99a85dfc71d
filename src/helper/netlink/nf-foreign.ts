import { decodeAttributes, decodeList, fromText, type Message, text } from "./message.ts";
import { type NetlinkSocket, NLM_F, type Request, TooManyAnswers } from "./socket.ts";

/** A chain of somebody's that a hook calls. */
export interface BaseChain {
  /** As nft names it: `ip`, `inet`. */
  readonly family: "ip" | "inet";
  readonly table: string;
  readonly name: string;
  readonly hook: "prerouting" | "input" | "forward" | "output" | "postrouting" | "other";
  readonly dropsByPolicy: boolean;
}

/** What a rule does with what it matches, as far as it matters for a network that is or isn't let through. */
export interface ForeignRule {
  readonly chain: string;
  readonly verdict: "accept" | "drop" | "elsewhere" | "none";
  /** It matches everything. */
  readonly isUnconditional: boolean;
  /** It looks at a connection's state. */
  readonly heedsState: boolean;
  /** What it compares, where all its conditions are comparisons, is all that it asks. */
  readonly onlyCompares: boolean;
  readonly compares: readonly Compare[];
}

/** A value that a rule compares with, and whether it is of where a packet comes from or goes to. */
export interface Compare {
  readonly side: "from" | "to" | "other";
  readonly value: Buffer;
  /** What of the packet's is compared; all of it where there is none. */
  readonly mask: Buffer | undefined;
  /** It must be the value, and nothing else, greater or smaller. */
  readonly isEqual: boolean;
}

const NFNL_SUBSYS_NFTABLES = 10 << 8;
const GET = { chain: NFNL_SUBSYS_NFTABLES | 4, rule: NFNL_SUBSYS_NFTABLES | 7 };
const FAMILY = { inet: 1, ip: 2 } as const;
const NFTA_CHAIN = { table: 1, name: 3, hook: 4, policy: 5, type: 7 };
const NFTA_RULE = { table: 1, chain: 2, expressions: 4 };
const NFTA_EXPR = { name: 1, data: 2 };
const NFTA_IMMEDIATE_DATA = 2;
const NFTA_DATA = { value: 1, verdict: 2 };
const [NFTA_CMP_OP, NFTA_CMP_DATA, NFTA_BITWISE_MASK] = [2, 3, 4];
const NFT_CMP_EQ = 0;
const [NFT_META_NFPROTO, NFPROTO_IPV4] = [15, 2];
const [NFTA_META_KEY, NFTA_PAYLOAD_BASE, NFTA_PAYLOAD_OFFSET, NFTA_TARGET_NAME] = [2, 2, 3, 1];
const SIDE_OF_META = new Map<number, "from" | "to">([
  [6, "from"],
  [7, "to"],
]);
const SIDE_OF_OFFSET = new Map<number, "from" | "to">([
  [12, "from"],
  [16, "to"],
]);
const NETWORK_HEADER = 1;
const HOOKS: readonly BaseChain["hook"][] = ["prerouting", "input", "forward", "output", "postrouting"];
const NF_DROP = 0;
/** What only counts and writes down, and what a comparison is made of. */
const bystanders = new Set(["counter", "log"]);
const comparing = new Set(["meta", "payload", "bitwise", "cmp"]);
const nfgenmsgBytes = 4;
/** What is read of a table's rules, and of all chains, which are short: nobody waits for more. */
const [mostRules, mostChains] = [2_000, 20_000];

/** Reads what others have in nf_tables; changes nothing. */
export class ForeignTables {
  readonly #open: () => NetlinkSocket;

  /** A socket for each list: one that is too long is given up with its socket. */
  constructor(open: () => NetlinkSocket) {
    this.#open = open;
  }

  /** The filter chains that a hook calls for IPv4. */
  baseChains(): BaseChain[] {
    const request = { what: "list chains", type: GET.chain, flags: NLM_F.dump, fixed: Buffer.alloc(nfgenmsgBytes) };
    return this.#list({ ...request, most: mostChains }).flatMap(({ payload }) => {
      const family = familyOf(payload[0]);
      const attributes = decodeAttributes(payload.subarray(nfgenmsgBytes));
      const hook = attributes.get(NFTA_CHAIN.hook);
      if (family === undefined || hook === undefined || fromText(attributes.get(NFTA_CHAIN.type)) !== "filter")
        return [];
      return {
        family,
        table: fromText(attributes.get(NFTA_CHAIN.table)) ?? "",
        name: fromText(attributes.get(NFTA_CHAIN.name)) ?? "",
        hook: HOOKS[decodeAttributes(hook).get(1)?.readUInt32BE(0) ?? -1] ?? "other",
        dropsByPolicy: attributes.get(NFTA_CHAIN.policy)?.readUInt32BE(0) === NF_DROP,
      };
    });
  }

  /** The rules of a table, of all its chains; undefined where they are too many to read. */
  rules({ family, table }: Pick<BaseChain, "family" | "table">): ForeignRule[] | undefined {
    const fixed = Buffer.from([FAMILY[family], 0, 0, 0]);
    const attributes = [[NFTA_RULE.table, text(table)] as const];
    const request = { what: `list rules of ${table}`, type: GET.rule, flags: NLM_F.dump, fixed, attributes };
    try {
      return this.#list({ ...request, most: mostRules })
        .map(({ payload }) => decodeAttributes(payload.subarray(nfgenmsgBytes)))
        .filter((rule) => fromText(rule.get(NFTA_RULE.table)) === table)
        .map((rule) => ({
          chain: fromText(rule.get(NFTA_RULE.chain)) ?? "",
          ...readExpressions(rule.get(NFTA_RULE.expressions) ?? Buffer.alloc(0)),
        }));
    } catch (error) {
      if (error instanceof TooManyAnswers) return undefined;
      throw error;
    }
  }

  /** For a diagnosis a list that changes meanwhile is as good as any. */
  #list(request: Request): Message[] {
    const socket = this.#open();
    try {
      return socket.request({ ...request, mayBeTorn: true });
    } finally {
      socket.close();
    }
  }
}

function familyOf(number: number | undefined): BaseChain["family"] | undefined {
  if (number === FAMILY.ip) return "ip";
  return number === FAMILY.inet ? "inet" : undefined;
}

function readExpressions(bytes: Buffer): Omit<ForeignRule, "chain"> {
  const compares: Compare[] = [];
  let loaded: Loaded = { side: "other", isFamily: false };
  let verdict: ForeignRule["verdict"] = "none";
  let heedsState = false;
  let conditions = 0;
  let onlyCompares = true;
  for (const one of decodeList(bytes)) {
    const expression = decodeAttributes(one);
    const name = fromText(expression.get(NFTA_EXPR.name)) ?? "";
    const data = decodeAttributes(expression.get(NFTA_EXPR.data) ?? Buffer.alloc(0));
    const ends = verdictOf(name, data);
    if (ends !== undefined) verdict = ends;
    else if (!bystanders.has(name)) conditions++;
    onlyCompares &&= ends !== undefined || bystanders.has(name) || comparing.has(name);
    if (name === "meta") loaded = ofMeta(data.get(NFTA_META_KEY)?.readUInt32BE(0) ?? -1);
    if (name === "payload") loaded = { side: sideOfPayload(data), isFamily: false };
    if (name === "bitwise") loaded = { ...loaded, mask: valueOf(data.get(NFTA_BITWISE_MASK)) };
    if (name === "ct" || (name === "match" && fromText(data.get(1)) === "conntrack")) heedsState = true;
    if (name !== "cmp") continue;
    const value = valueOf(data.get(NFTA_CMP_DATA));
    const isEqual = data.get(NFTA_CMP_OP)?.readUInt32BE(0) === NFT_CMP_EQ;
    // That it is IPv4 is no condition here.
    if (value === undefined || (loaded.isFamily && isEqual && value[0] === NFPROTO_IPV4)) continue;
    compares.push({ side: loaded.side, value, mask: loaded.mask, isEqual });
  }
  return { verdict, isUnconditional: conditions === 0, heedsState, onlyCompares, compares };
}

/** What of a packet is about to be compared. */
interface Loaded {
  readonly side: Compare["side"];
  readonly isFamily: boolean;
  readonly mask?: Buffer | undefined;
}

function ofMeta(key: number): Loaded {
  return { side: SIDE_OF_META.get(key) ?? "other", isFamily: key === NFT_META_NFPROTO };
}

function valueOf(data: Buffer | undefined): Buffer | undefined {
  return data === undefined ? undefined : decodeAttributes(data).get(NFTA_DATA.value);
}

function sideOfPayload(data: Map<number, Buffer>): "from" | "to" | "other" {
  if (data.get(NFTA_PAYLOAD_BASE)?.readUInt32BE(0) !== NETWORK_HEADER) return "other";
  return SIDE_OF_OFFSET.get(data.get(NFTA_PAYLOAD_OFFSET)?.readUInt32BE(0) ?? -1) ?? "other";
}

function verdictOf(name: string, data: Map<number, Buffer>): ForeignRule["verdict"] | undefined {
  if (name === "reject") return "drop";
  // A target of the older iptables, within nf_tables.
  if (name === "target") return /^(REJECT|DROP)$/.test(fromText(data.get(NFTA_TARGET_NAME)) ?? "") ? "drop" : "none";
  if (name !== "immediate") return undefined;
  const verdict = decodeAttributes(data.get(NFTA_IMMEDIATE_DATA) ?? Buffer.alloc(0)).get(NFTA_DATA.verdict);
  const code = verdict === undefined ? undefined : decodeAttributes(verdict).get(1)?.readInt32BE(0);
  if (code === undefined) return undefined;
  if (code === NF_DROP) return "drop";
  return code === 1 ? "accept" : "elsewhere";
}
