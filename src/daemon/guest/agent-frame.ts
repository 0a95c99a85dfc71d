import { crc32 } from "node:zlib";
import { BangerError } from "../../rpc/contract/errors.ts";

/** The types of frames; `docs/guest-protocol.md` says what each carries. */
export const frameType = {
  attach: 1,
  hello: 2,
  ping: 3,
  pong: 4,
  timeline: 5,
  time: 6,
  timeSet: 7,
  started: 8,
  usage: 9,
  used: 10,
  ports: 11,
  listening: 12,
  exec: 16,
  stdin: 17,
  signal: 18,
  credit: 19,
  stdout: 20,
  stderr: 21,
  stdinCredit: 22,
  exit: 23,
  resize: 24,
  shutdown: 32,
  shuttingDown: 33,
} as const;

/** The flag of a frame whose payload goes on in the next one. */
export const more = 1;
/** The longest payload of one frame, in bytes. */
export const maxPayload = 16_384;
const headerBytes = 24;
const crcAt = 20;
/** The longest frame, in bytes. */
export const maxFrame = headerBytes + maxPayload;
const magic = Buffer.from("BNG1");

/** One frame between daemon and agent. */
export interface AgentFrame {
  readonly session: number;
  /** 0 for the connection itself, else the number of an exec. */
  readonly stream: number;
  readonly type: number;
  readonly flags: number;
  readonly payload: Buffer;
}

/** A frame as bytes. */
export function encodeAgentFrame({ session, stream, type, flags, payload }: AgentFrame): Buffer {
  if (payload.length > maxPayload) throw new RangeError(`a payload of ${payload.length} bytes is too long for a frame`);
  const bytes = Buffer.alloc(headerBytes + payload.length);
  magic.copy(bytes);
  bytes.writeUInt32LE(session, 4);
  bytes.writeUInt32LE(stream, 8);
  bytes.writeUInt8(type, 12);
  bytes.writeUInt8(flags, 13);
  bytes.writeUInt32LE(payload.length, 16);
  payload.copy(bytes, headerBytes);
  bytes.writeUInt32LE(checksum(bytes), crcAt);
  return bytes;
}

/** Finds frames in bytes from a guest that may send anything: garbage costs frames, never memory. */
export class AgentFrameDecoder {
  readonly #longest: number;
  #held: Buffer = Buffer.alloc(0);
  #synchronised = false;

  /** `longest`: the longest payload that is looked at before it is synchronised; what tells of a longer one costs no checksum. */
  constructor(longest = maxPayload) {
    this.#longest = longest;
  }

  /** From the next frame on what is no frame is an error: there is nothing to find behind it. */
  synchronise(): void {
    this.#synchronised = true;
  }

  /** The frames that `chunk` completes. Between calls at most one frame's bytes are held. */
  *push(chunk: Buffer): Generator<AgentFrame> {
    let bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    for (;;) {
      const start = startOfFrame(bytes);
      if (start > 0) this.#skip("bytes that are no frame");
      bytes = bytes.subarray(start);
      if (bytes.length < headerBytes) break;
      const length = bytes.readUInt32LE(16);
      if (length > (this.#synchronised ? maxPayload : this.#longest)) {
        this.#skip("a frame that is too long");
        bytes = bytes.subarray(1);
        continue;
      }
      const end = headerBytes + length;
      if (bytes.length < end) break;
      const whole = bytes.subarray(0, end);
      const intact = checksum(whole) === whole.readUInt32LE(crcAt);
      if (!intact) this.#skip("a frame with a wrong checksum");
      bytes = bytes.subarray(intact ? end : 1);
      if (intact) yield frameOf(whole);
    }
    // A copy, so that a few bytes left over do not keep a large chunk in memory.
    this.#held = Buffer.from(bytes);
  }

  #skip(what: string): void {
    if (this.#synchronised) throw breach(what);
  }
}

/** What a guest sent that its agent never would; there is nothing to be said to it any more. */
export function breach(what: string): BangerError {
  return new BangerError("guest_died", `the guest's agent sent ${what}`);
}

/** Where the first frame may begin: at the magic, or at a beginning of it at the end. */
function startOfFrame(bytes: Buffer): number {
  const found = bytes.indexOf(magic);
  if (found !== -1) return found;
  for (let kept = Math.min(magic.length - 1, bytes.length); kept > 0; kept--) {
    if (bytes.subarray(bytes.length - kept).equals(magic.subarray(0, kept))) return bytes.length - kept;
  }
  return bytes.length;
}

/** The CRC-32 of the header before it and of the payload. */
function checksum(frame: Buffer): number {
  return crc32(frame.subarray(headerBytes), crc32(frame.subarray(0, crcAt)));
}

function frameOf(bytes: Buffer): AgentFrame {
  return {
    session: bytes.readUInt32LE(4),
    stream: bytes.readUInt32LE(8),
    type: bytes.readUInt8(12),
    flags: bytes.readUInt8(13),
    payload: Buffer.from(bytes.subarray(headerBytes)),
  };
}
