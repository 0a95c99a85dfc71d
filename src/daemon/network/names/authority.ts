import dnsPacket from "dns-packet";
import { rcode } from "./message.ts";
import type { Data, Zone } from "./zone.ts";

/** What a message asks (RFC 1035, 4.1.2), its bytes as they came. */
interface Question {
  /** As it was written: who asks may compare letter by letter. */
  readonly name: string;
  readonly type: number;
  readonly isInternet: boolean;
  readonly bytes: Buffer;
}

/** What a message says of EDNS (RFC 6891). */
interface Edns {
  readonly version: number;
  readonly wantsSecurity: boolean;
}

type Answer = NonNullable<dnsPacket.Packet["answers"]>[number];

const headerBytes = 12;
const [mostLabel, mostName] = [63, 255];
const flag = { authoritative: 0x0400, desired: 0x0100, available: 0x0080 };
const typeOf = { A: 1, NS: 2, SOA: 6, PTR: 12, IXFR: 251, AXFR: 252, ANY: 255 };
/** What a datagram may have to pass everywhere. */
const datagramSize = 1232;
/** A name follows its VM at once, so nobody keeps an answer. */
const ttl = 0;

/** Answers for the installation's own names. What it is sent may be anything; it reads one name of it, and all of it only where that is ours. */
export class Authority {
  readonly #zone: Zone;

  constructor(zone: Zone) {
    this.#zone = zone;
  }

  /** The answer; undefined where the name isn't ours. With `recursion`, who asks may ask for others' names too. */
  answer(message: Buffer, recursion: boolean): Buffer | undefined {
    const question = questionOf(message);
    const apex = question === undefined ? undefined : this.#zone.apexOf(lowered(question.name));
    if (question === undefined || apex === undefined) return undefined;
    const edns = ednsOf(message);
    const reply = { message, question, recursion, edns: edns === "bad" ? undefined : edns };
    if (edns === "bad") return written({ ...reply, code: rcode.formatError });
    if (edns !== undefined && edns.version > 0) return written({ ...reply, code: rcode.badVersion });
    const { type } = question;
    if (!question.isInternet || type === typeOf.AXFR || type === typeOf.IXFR) {
      return written({ ...reply, code: rcode.refused });
    }
    const found = this.#zone.find(lowered(question.name));
    const wanted = (found ?? []).filter((data) => type === typeOf.ANY || type === typeOf[data.type]);
    return written({
      ...reply,
      code: found === undefined ? rcode.nameError : 0,
      authoritative: true,
      answers: wanted.map((data) => this.#record(question.name, data)),
      authorities: wanted.length === 0 ? [this.#record(apex, { type: "SOA" })] : [],
    });
  }

  /** REFUSED, or FORMERR for what can't be read. */
  refuse(message: Buffer): Buffer {
    const question = questionOf(message);
    const edns = ednsOf(message);
    const code = question === undefined || edns === "bad" ? rcode.formatError : rcode.refused;
    return written({ message, question, recursion: false, edns: edns === "bad" ? undefined : edns, code });
  }

  #record(name: string, data: Data): Answer {
    if (data.type !== "SOA") return { name, ttl, ...data } as Answer;
    const soa = { mname: this.#zone.name, rname: "nobody.invalid", serial: 1, refresh: 3600, retry: 600 };
    return { name, ttl, type: "SOA", data: { ...soa, expire: 86_400, minimum: ttl } };
  }
}

/** What a message asks; undefined where that can't be read. */
function questionOf(message: Buffer): Question | undefined {
  const labels: string[] = [];
  let at = headerBytes;
  for (let length = message[at++]; length !== 0; length = message[at++]) {
    // There is nothing before it that it could refer to.
    if (length === undefined || length > mostLabel || at + length - headerBytes >= mostName) return undefined;
    // A dot within a label is no dot (RFC 1035, 5.1).
    labels.push(message.toString("latin1", at, at + length).replaceAll(".", String.raw`\046`));
    at += length;
  }
  const end = at + 4;
  if (end > message.length) return undefined;
  return {
    name: labels.join("."),
    type: message.readUInt16BE(at),
    isInternet: message.readUInt16BE(at + 2) === 1,
    bytes: message.subarray(headerBytes, end),
  };
}

/** What a message says of EDNS: undefined where it knows none; `bad` where it can't be read. */
function ednsOf(message: Buffer): Edns | "bad" | undefined {
  try {
    const options = (dnsPacket.decode(message).additionals ?? []).filter(({ type }) => type === "OPT");
    const [option] = options;
    if (option === undefined) return undefined;
    if (options.length > 1 || option.type !== "OPT") return "bad";
    const { ednsVersion, flags } = option;
    return { version: ednsVersion, wantsSecurity: (flags & 0x8000) !== 0 };
  } catch {
    return "bad";
  }
}

/** Small letters, of ASCII's alone (RFC 4343). */
function lowered(name: string): string {
  return name.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** An answer's bytes: 512 at most, which every datagram holds, as a zone has 63 characters at most. */
function written(reply: {
  readonly message: Buffer;
  readonly question: Question | undefined;
  readonly recursion: boolean;
  readonly edns: Edns | undefined;
  readonly code: number;
  readonly authoritative?: boolean;
  readonly answers?: Answer[];
  readonly authorities?: Answer[];
}): Buffer {
  const { message, question, recursion, edns, code, authoritative = false, answers = [], authorities = [] } = reply;
  const flags =
    (authoritative ? flag.authoritative : 0) |
    (((message[2] ?? 0) & 1) === 0 ? 0 : flag.desired) |
    (recursion ? flag.available : 0) |
    (code & 0x0f);
  const packet = dnsPacket.encode({
    type: "response",
    id: message.readUInt16BE(0),
    flags,
    answers,
    authorities,
    additionals: edns === undefined ? [] : [optionOf(edns, code)],
  });
  const header = Buffer.from(packet.subarray(0, headerBytes));
  header.writeUInt16BE(question === undefined ? 0 : 1, 4);
  // Nothing refers back into it: the library writes each name out.
  return Buffer.concat([header, question?.bytes ?? Buffer.alloc(0), packet.subarray(headerBytes)]);
}

function optionOf({ wantsSecurity }: Edns, code: number): Answer {
  const flags = wantsSecurity ? 0x8000 : 0;
  const option = { name: ".", type: "OPT", udpPayloadSize: datagramSize, extendedRcode: code >> 4, ednsVersion: 0 };
  return { ...option, flags, flag_do: wantsSecurity, options: [] } as unknown as Answer;
}
