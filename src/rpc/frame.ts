import { BangerError } from "./contract/errors.ts";
import type { SpanRecord } from "../telemetry/span-record.ts";

/** The version of the wire that this side speaks. */
export const wireVersion = 1;
/** The longest frame in bytes, its newline included. */
export const maxFrameBytes = 1 << 20;
/** So many bytes of input a client that heeds credit sends before it was granted any. */
export const inputWindow = 128 * 1024;

/** Asks for a method. `v`, `op_id`, `traceparent` and `deadline_ms` are optional; unknown fields are ignored. */
export interface RequestFrame {
  v?: number;
  id: string;
  method: string;
  params?: unknown;
  op_id?: string;
  traceparent?: string;
  /** Milliseconds from receipt after which the request is cancelled. */
  deadline_ms?: number;
  /** The caller's version, with the first request of a connection. */
  version?: string;
  /** True when the caller sends no more input than the window and what events `credit` grant: `{"bytes": N}`. */
  credit?: boolean;
}

/** Ends a request. Exactly one of `result` and `error` is there. */
export interface ResponseFrame {
  id: string | null;
  result?: unknown;
  error?: WireError;
  /** The answering process's finished spans, bounded. */
  spans?: SpanRecord[];
  /** What the answering process logged of the request (docs/reference/logs.md), bounded: the last of it. */
  records?: unknown[];
  /** How many records had no room. */
  records_left?: number;
}

/** An error on the wire; `op_id` is absent from a peer that knows none. */
export interface WireError {
  code: string;
  message: string;
  op_id?: string;
  details?: Record<string, unknown>;
}

/** Something that happened before the answer; bytes travel as base64 in `data`. */
export interface EventFrame {
  id: string;
  event: string;
  data?: unknown;
}

/** A terminal's size, in characters. */
export interface TerminalSize {
  columns: number;
  rows: number;
}

/**
 * What a client adds to a request under way: that it gives up, or bytes of input (empty: the end). `signal`: only pass that number
 * on to what runs; a peer that doesn't know it, or a request that runs nothing, cancels. `size`, beside SIGWINCH: the terminal of
 * what runs has that from now on.
 */
export type FollowUpFrame =
  | { id: string; cancel: true; signal?: number; size?: TerminalSize }
  | { id: string; input: string };

/** Cuts a byte stream into frames. Holds at most one frame's bytes, in one buffer, however small the pieces in which they came. */
export class FrameDecoder {
  #held = Buffer.alloc(0);
  #length = 0;

  /** True while a frame has begun and not ended. */
  get partial(): boolean {
    return this.#length > 0;
  }

  /** The frames that `chunk` completes; throws `frame_too_large` or `bad_frame`, after which the stream is of no more use. */
  *push(chunk: Buffer): Generator<Record<string, unknown>> {
    let rest = chunk;
    for (let end = rest.indexOf(0x0a); end !== -1; end = rest.indexOf(0x0a)) {
      const line = this.#complete(rest.subarray(0, end));
      rest = rest.subarray(end + 1);
      if (line.trim() !== "") yield parseFrame(line);
    }
    this.#hold(rest);
  }

  #complete(piece: Buffer): string {
    if (this.#length === 0) return checked(piece, piece.length).toString("utf8");
    this.#hold(piece);
    const line = this.#held.toString("utf8", 0, this.#length);
    this.#held = Buffer.alloc(0);
    this.#length = 0;
    return line;
  }

  #hold(piece: Buffer): void {
    const length = this.#length + piece.length;
    checked(piece, length);
    if (length > this.#held.length) {
      const larger = Buffer.allocUnsafe(Math.min(Math.max(2 * this.#held.length, length), maxFrameBytes));
      this.#held.copy(larger, 0, 0, this.#length);
      this.#held = larger;
    }
    piece.copy(this.#held, this.#length);
    this.#length = length;
  }
}

function checked(piece: Buffer, length: number): Buffer {
  if (length < maxFrameBytes) return piece;
  throw new BangerError("frame_too_large", `a frame is longer than ${maxFrameBytes} bytes`);
}

function parseFrame(line: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new BangerError("bad_frame", "a frame is not JSON", { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new BangerError("bad_frame", "a frame is not a JSON object");
  }
  return value as Record<string, unknown>;
}

/** A frame as bytes; throws `frame_too_large` rather than send what no peer accepts. */
export function encodeFrame(frame: RequestFrame | ResponseFrame | EventFrame | FollowUpFrame): Buffer {
  const bytes = Buffer.from(`${JSON.stringify(frame)}\n`);
  if (bytes.length > maxFrameBytes)
    throw new BangerError("frame_too_large", `${bytes.length} bytes are more than the ${maxFrameBytes} of one frame`);
  return bytes;
}
