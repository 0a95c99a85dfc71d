import { closeSync } from "node:fs";
import { KernelError, type Libc } from "../kernel/libc.ts";
import { type Attribute, decodeAttributes, decodeMessages, encodeMessage, fromText, type Message } from "./message.ts";

/** What is asked of the kernel. */
export interface Request {
  /** For messages: what is done to what. */
  readonly what: string;
  readonly type: number;
  readonly flags?: number;
  /** The family's own fixed part. */
  readonly fixed: Buffer;
  readonly attributes?: readonly Attribute[];
  /** More answers are not read: {@link TooManyAnswers} is thrown, and the socket must be closed. */
  readonly most?: number;
  /** A list that others change while it is made does. */
  readonly mayBeTorn?: boolean;
}

/** The kernel has more to list than is asked for. */
export class TooManyAnswers extends Error {
  override readonly name = "TooManyAnswers";
}

/** The protocols that are spoken (netlink(7)). */
export const netlinkProtocol = { route: 0, netfilter: 12 } as const;

/** Request flags (netlink(7)). */
export const NLM_F = {
  request: 1,
  ack: 4,
  excl: 0x200,
  create: 0x400,
  append: 0x800,
  replace: 0x100,
  dump: 0x300,
} as const;

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const [SOL_SOCKET, SO_RCVTIMEO, SOL_NETLINK, NETLINK_EXT_ACK] = [1, 20, 270, 11];
const [NLMSG_ERROR, NLMSG_DONE] = [2, 3];
const [NLM_F_DUMP_INTR, NLM_F_CAPPED, NLM_F_ACK_TLVS] = [0x10, 0x100, 0x200];
const NLMSGERR_ATTR_MSG = 1;
/** The kernel answers within the call that sends; this binds where it doesn't. */
const answerSeconds = 5;
/** A list that others change while it is made is asked for again. */
const dumpAttempts = 10;
const [EINTR, EMSGSIZE] = [4, 90];
const datagramBytes = 256 * 1024;

/** A netlink socket: one request at a time, and the kernel's own words when it refuses. */
export class NetlinkSocket {
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #datagram = Buffer.alloc(datagramBytes);
  #seq = 0;

  constructor(libc: Libc, protocol: number) {
    this.#libc = libc;
    this.#fd = libc.socket(AF_NETLINK, SOCK_RAW_CLOEXEC, protocol);
    const address = Buffer.alloc(12);
    address.writeUInt16LE(AF_NETLINK, 0);
    libc.bind(this.#fd, address);
    libc.setsockopt(this.#fd, SOL_NETLINK, NETLINK_EXT_ACK, Buffer.from([1, 0, 0, 0]));
    const timeout = Buffer.alloc(16);
    timeout.writeBigInt64LE(BigInt(answerSeconds), 0);
    libc.setsockopt(this.#fd, SOL_SOCKET, SO_RCVTIMEO, timeout);
  }

  /** Asks, and returns what the kernel answers before its acknowledgement. */
  request({ what, type, flags = 0, fixed, attributes = [], most, mayBeTorn = false }: Request): Message[] {
    const isDump = (flags & NLM_F.dump) === NLM_F.dump;
    for (let attempt = 1; attempt <= dumpAttempts; attempt++) {
      const seq = this.#nextSeq();
      const header = { type, flags: flags | NLM_F.request | (isDump ? 0 : NLM_F.ack), seq };
      const bytes = encodeMessage(header, fixed, attributes);
      const { answers, isTorn } = this.#exchange(what, bytes, new Set([seq]), new Set([seq]), most);
      if (!isTorn || mayBeTorn) return answers;
    }
    throw new KernelError(what, EINTR, `what was listed changed meanwhile, ${dumpAttempts} times`);
  }

  /** Asks several things at once; the kernel does all of them, or none where they stand between a batch's begin and end. */
  batch(
    what: string,
    requests: readonly (Omit<Request, "what" | "most" | "mayBeTorn"> & { readonly acknowledged: boolean })[],
  ): void {
    const all = new Set<number>();
    const waiting = new Set<number>();
    const messages = requests.map(({ type, flags = 0, fixed, attributes = [], acknowledged }) => {
      const seq = this.#nextSeq();
      all.add(seq);
      if (acknowledged) waiting.add(seq);
      const header = { type, flags: flags | NLM_F.request | (acknowledged ? NLM_F.ack : 0), seq };
      return encodeMessage(header, fixed, attributes);
    });
    // What isn't acknowledged may be refused: a batch that can't be committed is, in the name of its begin.
    this.#exchange(what, Buffer.concat(messages), all, waiting);
  }

  close(): void {
    closeSync(this.#fd);
  }

  #nextSeq(): number {
    this.#seq = (this.#seq % 0x7fff_ffff) + 1;
    return this.#seq;
  }

  #exchange(
    what: string,
    bytes: Buffer,
    all: ReadonlySet<number>,
    waiting: Set<number>,
    most = Number.POSITIVE_INFINITY,
  ) {
    this.#call(what, () => this.#libc.send(this.#fd, bytes));
    const answers: Message[] = [];
    let isTorn = false;
    let refused: KernelError | undefined;
    while (waiting.size > 0) {
      const length = this.#call(what, () => this.#libc.receive(this.#fd, this.#datagram));
      if (length > datagramBytes) throw new KernelError(what, EMSGSIZE, `an answer of ${length} bytes`);
      for (const message of decodeMessages(this.#datagram.subarray(0, length))) {
        // What answers an earlier request, which was given up.
        if (!all.has(message.seq)) continue;
        if ((message.flags & NLM_F_DUMP_INTR) !== 0) isTorn = true;
        if (message.type === NLMSG_ERROR || message.type === NLMSG_DONE) {
          waiting.delete(message.seq);
          refused ??= refusalOf(what, message);
        } else answers.push({ ...message, payload: Buffer.from(message.payload) });
      }
      if (answers.length > most) throw new TooManyAnswers(`${what}: more than ${most}`);
      // Of a batch that fails as a whole, the kernel acknowledges nothing more.
      if (refused !== undefined) throw refused;
    }
    return { answers, isTorn };
  }

  #call<T>(what: string, call: () => T): T {
    for (;;) {
      try {
        return call();
      } catch (error) {
        if (!(error instanceof KernelError)) throw error;
        if (error.errno !== EINTR) throw new KernelError(what, error.errno, "the kernel did not answer");
      }
    }
  }
}

function refusalOf(what: string, { type, flags, payload }: Message): KernelError | undefined {
  const errno = payload.length >= 4 ? -payload.readInt32LE(0) : 0;
  if (errno === 0) return undefined;
  const at = type === NLMSG_DONE ? 4 : (flags & NLM_F_CAPPED) !== 0 ? 20 : 4 + payload.readUInt32LE(4);
  const hasWords = (flags & NLM_F_ACK_TLVS) !== 0;
  const words = hasWords
    ? fromText(decodeAttributes(payload.subarray((at + 3) & ~3)).get(NLMSGERR_ATTR_MSG))
    : undefined;
  return new KernelError(what, errno, words);
}
