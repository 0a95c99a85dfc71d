import { KernelError } from "../kernel/libc.ts";
import { type Attribute, decodeAttributes, fromText, text, u32be } from "./message.ts";
import { expressionsOf, type RulePart } from "./nf-rule.ts";
import { type NetlinkSocket, NLM_F, type Request } from "./socket.ts";

/** A chain, with the hook from which it is called; one without rules and without a hook is a mark. */
export interface Chain {
  readonly name: string;
  readonly hook?: {
    readonly type: "filter" | "nat";
    readonly at: keyof typeof HOOK;
    readonly priority: number;
  };
  readonly rules: readonly (readonly RulePart[])[];
}

/** A whole table. */
export interface Table {
  readonly name: string;
  readonly comment: string;
  /** Sets of pairs of MAC and IPv4 address. */
  readonly sets: readonly { readonly name: string; readonly elements: readonly Buffer[] }[];
  readonly chains: readonly Chain[];
}

const NFNL_SUBSYS_NFTABLES = 10;
const [NFNL_MSG_BATCH_BEGIN, NFNL_MSG_BATCH_END] = [16, 17];
const NFPROTO_INET = 1;
const HOOK = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const;
const NF_ACCEPT = 1;
const message = (type: number) => (NFNL_SUBSYS_NFTABLES << 8) | type;
const NFT_MSG = {
  newTable: message(0),
  getTable: message(1),
  delTable: message(2),
  newChain: message(3),
  getChain: message(4),
  newRule: message(6),
  getRule: message(7),
  newSet: message(9),
  newElement: message(12),
  delElement: message(14),
};
const NFTA_TABLE = { name: 1, userdata: 6 };
const NFTA_CHAIN = { table: 1, name: 3, hook: 4, policy: 5, type: 7 };
const NFTA_HOOK = { number: 1, priority: 2 };
const NFTA_RULE = { table: 1, chain: 2, expressions: 4 };
const NFTA_SET = { table: 1, name: 2, flags: 3, keyType: 4, keyLength: 5, id: 10 };
const NFTA_SET_ELEM_LIST = { table: 1, set: 2, elements: 3 };
const [NFTA_LIST_ELEM, NFTA_SET_ELEM_KEY, NFTA_DATA_VALUE] = [1, 1, 1];
/** The type as nft shows it: ether_addr (9) and behind it ipv4_addr (7), each padded to four bytes. */
const macAndAddress = { type: (9 << 6) | 7, bytes: 12 };
const ENOENT = 2;
const nfgenmsgBytes = 4;

type Change = Omit<Request, "what" | "fixed">;

/** What banger asks of nf_tables in family inet; each change is one transaction. */
export class NfTables {
  readonly #socket: NetlinkSocket;

  constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  hasChain(table: string, chain: string): boolean {
    const attributes: Attribute[] = [
      [NFTA_CHAIN.table, text(table)],
      [NFTA_CHAIN.name, text(chain)],
    ];
    const what = `look for chain ${chain} of ${table}`;
    const fixed = nfgenmsg(NFPROTO_INET, 0);
    return this.#unlessAbsent(() => this.#socket.request({ what, type: NFT_MSG.getChain, fixed, attributes }));
  }

  /** How many rules the chains of a table have together; 0 also where there is no such table. */
  ruleCount(table: string): number {
    const attributes: Attribute[] = [[NFTA_RULE.table, text(table)]];
    const request = { what: `list rules of ${table}`, type: NFT_MSG.getRule, flags: NLM_F.dump, attributes };
    return this.#socket
      .request({ ...request, fixed: nfgenmsg(NFPROTO_INET, 0), mayBeTorn: true })
      .filter(
        ({ payload }) => fromText(decodeAttributes(payload.subarray(nfgenmsgBytes)).get(NFTA_RULE.table)) === table,
      ).length;
  }

  /** Puts the table in the place of one of its name, if there is one. */
  replaceTable(table: Table): void {
    const name: Attribute = [NFTA_TABLE.name, text(table.name)];
    const make = { type: NFT_MSG.newTable, flags: NLM_F.create };
    this.#change(`put table ${table.name}`, [
      { ...make, attributes: [name] },
      { type: NFT_MSG.delTable, attributes: [name] },
      { ...make, attributes: [name, [NFTA_TABLE.userdata, commentOf(table.comment)]] },
      ...table.sets.flatMap((set, index) => setOf(table.name, set, index + 1)),
      ...table.chains.flatMap((chain) => chainOf(table.name, chain)),
    ]);
  }

  /** Makes sure that the table is gone; false when it wasn't there. */
  removeTable(table: string): boolean {
    const attributes: Attribute[] = [[NFTA_TABLE.name, text(table)]];
    return this.#unlessAbsent(() => this.#change(`remove table ${table}`, [{ type: NFT_MSG.delTable, attributes }]));
  }

  /** Adds an element; one that is there already is fine. */
  addElement(table: string, set: string, key: Buffer): void {
    const attributes = elementsOf(table, set, [key]);
    this.#change(`add to set ${set} of ${table}`, [{ type: NFT_MSG.newElement, flags: NLM_F.create, attributes }]);
  }

  /** Makes sure that the element is gone, or its table. */
  removeElement(table: string, set: string, key: Buffer): void {
    const attributes = elementsOf(table, set, [key]);
    this.#unlessAbsent(() =>
      this.#change(`remove from set ${set} of ${table}`, [{ type: NFT_MSG.delElement, attributes }]),
    );
  }

  #unlessAbsent(ask: () => unknown): boolean {
    try {
      ask();
      return true;
    } catch (error) {
      if (error instanceof KernelError && error.errno === ENOENT) return false;
      throw error;
    }
  }

  #change(what: string, changes: readonly Change[]): void {
    const fixed = nfgenmsg(0, NFNL_SUBSYS_NFTABLES);
    this.#socket.batch(what, [
      { type: NFNL_MSG_BATCH_BEGIN, fixed, acknowledged: false },
      ...changes.map((change) => ({ ...change, fixed: nfgenmsg(NFPROTO_INET, 0), acknowledged: true })),
      { type: NFNL_MSG_BATCH_END, fixed, acknowledged: false },
    ]);
  }
}

function setOf(table: string, set: Table["sets"][number], id: number): Change[] {
  const attributes: Attribute[] = [
    [NFTA_SET.table, text(table)],
    [NFTA_SET.name, text(set.name)],
    [NFTA_SET.flags, u32be(0)],
    [NFTA_SET.keyType, u32be(macAndAddress.type)],
    [NFTA_SET.keyLength, u32be(macAndAddress.bytes)],
    [NFTA_SET.id, u32be(id)],
  ];
  const made = { type: NFT_MSG.newSet, flags: NLM_F.create, attributes };
  if (set.elements.length === 0) return [made];
  const elements = elementsOf(table, set.name, set.elements);
  return [made, { type: NFT_MSG.newElement, flags: NLM_F.create, attributes: elements }];
}

function chainOf(table: string, { name, hook, rules }: Chain): Change[] {
  const called: Attribute[] =
    hook === undefined
      ? []
      : [
          [
            NFTA_CHAIN.hook,
            [
              [NFTA_HOOK.number, u32be(HOOK[hook.at])],
              [NFTA_HOOK.priority, u32be(hook.priority)],
            ],
          ],
          [NFTA_CHAIN.policy, u32be(NF_ACCEPT)],
          [NFTA_CHAIN.type, text(hook.type)],
        ];
  const attributes: Attribute[] = [[NFTA_CHAIN.table, text(table)], [NFTA_CHAIN.name, text(name)], ...called];
  return [
    { type: NFT_MSG.newChain, flags: NLM_F.create, attributes },
    ...rules.map((parts) => ({
      type: NFT_MSG.newRule,
      flags: NLM_F.create | NLM_F.append,
      attributes: [
        [NFTA_RULE.table, text(table)],
        [NFTA_RULE.chain, text(name)],
        [NFTA_RULE.expressions, expressionsOf(parts)],
      ] satisfies Attribute[],
    })),
  ];
}

function elementsOf(table: string, set: string, keys: readonly Buffer[]): Attribute[] {
  const elements = keys.map((key): Attribute => [NFTA_LIST_ELEM, [[NFTA_SET_ELEM_KEY, [[NFTA_DATA_VALUE, key]]]]]);
  return [
    [NFTA_SET_ELEM_LIST.table, text(table)],
    [NFTA_SET_ELEM_LIST.set, text(set)],
    [NFTA_SET_ELEM_LIST.elements, elements],
  ];
}

/** A comment as nft keeps it: a type, a length, the text with its end. */
function commentOf(comment: string): Buffer {
  const value = text(comment);
  return Buffer.concat([Buffer.from([0, value.length]), value]);
}

/** struct nfgenmsg. */
function nfgenmsg(family: number, resource: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes[0] = family;
  bytes.writeUInt16BE(resource, 2);
  return bytes;
}
