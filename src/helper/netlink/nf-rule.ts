import { type Attribute, text, u32, u32be } from "./message.ts";

/** A part of a rule: expressions of nf_tables (linux/netfilter/nf_tables.h), one after the other. */
export type RulePart = readonly Attribute[];

const [NFTA_LIST_ELEM, NFTA_EXPR_NAME, NFTA_EXPR_DATA] = [1, 1, 2];
const [NFTA_DATA_VALUE, NFTA_DATA_VERDICT, NFTA_VERDICT_CODE] = [1, 2, 1];
const META = { iifname: 6, oifname: 7, iiftype: 8, skuid: 10, nfproto: 15, l4proto: 16 } as const;
const BASE = { link: 0, network: 1, transport: 2 } as const;
const VERDICT = { drop: 0, accept: 1 } as const;
const COMPARE = { is: 0, isNot: 1 } as const;
const [NFPROTO_IPV4, NFPROTO_IPV6, ARPHRD_ETHER] = [2, 10, 1];
const [NFT_CT_STATE, CT_ESTABLISHED_RELATED, NFT_LOOKUP_F_INV] = [0, 6, 1];
const NF_NAT_RANGE_PROTO_SPECIFIED = 2;
const interfaceNameBytes = 16;
/** A register, and the one behind a MAC address in it. */
const [register, registerBehindMac, verdictRegister] = [1, 10, 0];

/** The expressions of a rule, as its attribute has them. */
export function expressionsOf(parts: readonly RulePart[]): readonly Attribute[] {
  return parts.flat();
}

/** What becomes of what a rule matches. */
export function verdict(name: keyof typeof VERDICT): RulePart {
  const code: Attribute = [NFTA_DATA_VERDICT, [[NFTA_VERDICT_CODE, u32be(VERDICT[name])]]];
  return [
    expression("immediate", [
      [1, u32be(verdictRegister)],
      [2, [code]],
    ]),
  ];
}

/** The address of the interface that it leaves by. */
export function masquerade(): RulePart {
  return [expression("masq", [])];
}

/** To a port of the address of the interface that it came in by. */
export function redirect(port: number): RulePart {
  return [
    expression("immediate", [
      [1, u32be(register)],
      [2, data(Buffer.from([port >> 8, port & 0xff]))],
    ]),
    expression("redir", [
      [1, u32be(register)],
      [3, u32be(NF_NAT_RANGE_PROTO_SPECIFIED)],
    ]),
  ];
}

/** Where it came in (`iifname`), or goes out (`oifname`). */
export function onInterface(which: "iifname" | "oifname", how: keyof typeof COMPARE, name: string): RulePart {
  const padded = Buffer.alloc(interfaceNameBytes);
  padded.write(name, "latin1");
  return [meta(META[which]), compare(how, padded)];
}

/** Where it came in: a link whose name begins so. */
export function fromLinks(beginning: string): RulePart {
  return [meta(META.iifname), compare("is", Buffer.from(beginning, "latin1"))];
}

/** Any IPv6. */
export function isIpv6(): RulePart {
  return [meta(META.nfproto), compare("is", Buffer.from([NFPROTO_IPV6]))];
}

/** What belongs to a connection that was let through, or is related to one. */
export function isEstablished(): RulePart {
  const mask = u32(CT_ESTABLISHED_RELATED);
  return [
    expression("ct", [
      [1, u32be(register)],
      [2, u32be(NFT_CT_STATE)],
    ]),
    masked(mask),
    compare("isNot", u32(0)),
  ];
}

/** IPv4 from or to a network. */
export function inNetwork(which: "saddr" | "daddr", address: Buffer, prefix: number): RulePart {
  const mask = Buffer.alloc(4);
  mask.writeUInt32BE((0xffff_ffff << (32 - prefix)) >>> 0);
  const isWhole = prefix === 32;
  return [
    meta(META.nfproto),
    compare("is", Buffer.from([NFPROTO_IPV4])),
    payload("network", which === "saddr" ? 12 : 16, 4),
    ...(isWhole ? [] : [masked(mask)]),
    compare("is", address),
  ];
}

/** A protocol above IP, by its number. */
export function isProtocol(protocol: number): RulePart {
  return [meta(META.l4proto), compare("is", Buffer.from([protocol]))];
}

/** The destination port of TCP and UDP. */
export function toPort(port: number): RulePart {
  return [payload("transport", 2, 2), compare("is", Buffer.from([port >> 8, port & 0xff]))];
}

/** The source port of TCP and UDP. */
export function fromPort(port: number): RulePart {
  return [payload("transport", 0, 2), compare("is", Buffer.from([port >> 8, port & 0xff]))];
}

/** What a socket of another user than this one sends; not what no user's socket does, as the kernel's own resets. */
export function isNotOf(uid: number): RulePart {
  return [meta(META.skuid), compare("isNot", u32(uid))];
}

/** The type of an ICMP message. */
export function icmpType(type: number): RulePart {
  return [payload("transport", 0, 1), compare("is", Buffer.from([type]))];
}

/** IPv4 whose source MAC and address together are no element of the set. */
export function sourceNotIn(set: string): RulePart {
  return lookedUp(set, [[5, u32be(NFT_LOOKUP_F_INV)]]);
}

/** IPv4 whose source MAC and address together are an element of the set. */
export function sourceIn(set: string): RulePart {
  return lookedUp(set, []);
}

function lookedUp(set: string, flags: readonly Attribute[]): RulePart {
  return [
    meta(META.iiftype),
    compare("is", Buffer.from([ARPHRD_ETHER, 0])),
    payload("link", 12, 2),
    compare("is", Buffer.from([0x08, 0x00])),
    payload("link", 6, 6),
    payload("network", 12, 4, registerBehindMac),
    expression("lookup", [[1, text(set)], [2, u32be(register)], ...flags]),
  ];
}

function meta(key: number): Attribute {
  return expression("meta", [
    [1, u32be(register)],
    [2, u32be(key)],
  ]);
}

function compare(how: keyof typeof COMPARE, value: Buffer): Attribute {
  return expression("cmp", [
    [1, u32be(register)],
    [2, u32be(COMPARE[how])],
    [3, data(value)],
  ]);
}

function payload(base: keyof typeof BASE, offset: number, length: number, into = register): Attribute {
  return expression("payload", [
    [1, u32be(into)],
    [2, u32be(BASE[base])],
    [3, u32be(offset)],
    [4, u32be(length)],
  ]);
}

function masked(mask: Buffer): Attribute {
  const none = Buffer.alloc(mask.length);
  const [source, into] = [u32be(register), u32be(register)];
  return expression("bitwise", [
    [1, source],
    [2, into],
    [3, u32be(mask.length)],
    [4, data(mask)],
    [5, data(none)],
  ]);
}

function data(value: Buffer): readonly Attribute[] {
  return [[NFTA_DATA_VALUE, value]];
}

function expression(name: string, attributes: readonly Attribute[]): Attribute {
  return [
    NFTA_LIST_ELEM,
    [
      [NFTA_EXPR_NAME, text(name)],
      [NFTA_EXPR_DATA, attributes],
    ],
  ];
}
