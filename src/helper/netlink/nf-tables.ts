import { KernelError } from "../kernel/libc.ts";
import { type Attribute, text } from "./message.ts";
import { type NetlinkSocket, NLM_F, type Request } from "./socket.ts";

const NFNL_SUBSYS_NFTABLES = 10;
const [NFNL_MSG_BATCH_BEGIN, NFNL_MSG_BATCH_END] = [16, 17];
const NFPROTO_INET = 1;
const message = (type: number) => (NFNL_SUBSYS_NFTABLES << 8) | type;
const NFT_MSG = {
  getTable: message(1),
  delTable: message(2),
  getChain: message(4),
  newElement: message(12),
  delElement: message(14),
};
const NFTA_NAME = { table: 1, chainTable: 1, chainName: 3 };
const NFTA_SET_ELEM_LIST = { table: 1, set: 2, elements: 3 };
const [NFTA_LIST_ELEM, NFTA_SET_ELEM_KEY, NFTA_DATA_VALUE] = [1, 1, 1];
const ENOENT = 2;

/** What banger asks of nf_tables in family inet; each change is one transaction. */
export class NfTables {
  readonly #socket: NetlinkSocket;

  constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  hasTable(table: string): boolean {
    return this.#exists(`look for table ${table}`, NFT_MSG.getTable, [[NFTA_NAME.table, text(table)]]);
  }

  hasChain(table: string, chain: string): boolean {
    return this.#exists(`look for chain ${chain} of ${table}`, NFT_MSG.getChain, [
      [NFTA_NAME.chainTable, text(table)],
      [NFTA_NAME.chainName, text(chain)],
    ]);
  }

  /** Makes sure that the table is gone; false when it wasn't there. */
  removeTable(table: string): boolean {
    const attributes: Attribute[] = [[NFTA_NAME.table, text(table)]];
    return this.#unlessAbsent(() => this.#change(`remove table ${table}`, { type: NFT_MSG.delTable, attributes }));
  }

  /** Adds an element; one that is there already is fine. */
  addElement(table: string, set: string, key: Buffer): void {
    const attributes = elementOf(table, set, key);
    this.#change(`add to set ${set} of ${table}`, { type: NFT_MSG.newElement, flags: NLM_F.create, attributes });
  }

  /** Makes sure that the element is gone, or its table. */
  removeElement(table: string, set: string, key: Buffer): void {
    const attributes = elementOf(table, set, key);
    this.#unlessAbsent(() =>
      this.#change(`remove from set ${set} of ${table}`, { type: NFT_MSG.delElement, attributes }),
    );
  }

  #exists(what: string, type: number, attributes: readonly Attribute[]): boolean {
    return this.#unlessAbsent(() => this.#socket.request({ what, type, fixed: nfgenmsg(NFPROTO_INET, 0), attributes }));
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

  #change(what: string, request: Omit<Request, "what" | "fixed">): void {
    const fixed = nfgenmsg(0, NFNL_SUBSYS_NFTABLES);
    this.#socket.batch(what, [
      { type: NFNL_MSG_BATCH_BEGIN, fixed, acknowledged: false },
      { ...request, fixed: nfgenmsg(NFPROTO_INET, 0), acknowledged: true },
      { type: NFNL_MSG_BATCH_END, fixed, acknowledged: false },
    ]);
  }
}

function elementOf(table: string, set: string, key: Buffer): Attribute[] {
  const element: Attribute = [NFTA_LIST_ELEM, [[NFTA_SET_ELEM_KEY, [[NFTA_DATA_VALUE, key]]]]];
  return [
    [NFTA_SET_ELEM_LIST.table, text(table)],
    [NFTA_SET_ELEM_LIST.set, text(set)],
    [NFTA_SET_ELEM_LIST.elements, [element]],
  ];
}

/** struct nfgenmsg. */
function nfgenmsg(family: number, resource: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes[0] = family;
  bytes.writeUInt16BE(resource, 2);
  return bytes;
}
