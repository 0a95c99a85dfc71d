import type { Socket } from "node:net";
import {
  type EventFrame,
  encodeFrame,
  type FollowUpFrame,
  FrameDecoder,
  maxFrameBytes,
  type RequestFrame,
  type ResponseFrame,
} from "./frame.ts";

/** A peer that leaves more than this unread is cut off: it neither reads nor closes, and what waits for it is memory of ours. */
export const maxUnsentBytes = 16 * maxFrameBytes;

/** One side of a socket: frames in order, back-pressure on what is sent. */
export class Connection {
  readonly socket: Socket;
  /** Resolves when the socket is gone, however that came. */
  readonly closed: Promise<void>;
  #draining: Promise<void> | undefined;
  #heard = 0;
  #heardAt = performance.now();
  #handling = false;
  #overflowed = false;
  readonly #decoder = new FrameDecoder();
  readonly #mayWait: (bytes: number) => boolean;

  /**
   * `onFrame` may return a promise: reading pauses until it resolves. `onGarbage` gets what made the stream unusable.
   * `mayWait` says whether so many bytes may wait for this peer; one for whom more waits is cut off.
   */
  constructor(
    socket: Socket,
    onFrame: (frame: Record<string, unknown>) => void | Promise<void>,
    onGarbage: (error: unknown) => void,
    mayWait: (bytes: number) => boolean = (bytes) => bytes <= maxUnsentBytes,
  ) {
    this.socket = socket;
    this.#mayWait = mayWait;
    this.closed = new Promise((resolve) => {
      socket.once("close", () => resolve());
    });
    // A reset is reported by the close that always follows.
    socket.on("error", () => undefined);
    this.#read(socket, onFrame).catch(onGarbage);
  }

  /** How often something arrived; it stands still while this side itself is busy with a frame. */
  get heard(): number {
    return this.#heard;
  }

  /** When bytes last arrived, of a whole frame or not, by performance.now(). */
  get heardAt(): number {
    return this.#heardAt;
  }

  /** True while reading pauses for the handler of a frame: then silence isn't the peer's. */
  get handling(): boolean {
    return this.#handling;
  }

  /** True while a frame has begun and not ended. */
  get partial(): boolean {
    return this.#decoder.partial;
  }

  /** True when the peer was cut off because it left too much unread. */
  get overflowed(): boolean {
    return this.#overflowed;
  }

  /** Sends a frame; resolves when the peer keeps up, or when the socket is closed. Throws `frame_too_large`. */
  async send(frame: RequestFrame | ResponseFrame | EventFrame | FollowUpFrame): Promise<void> {
    const bytes = encodeFrame(frame);
    // Not at once: whoever sends until he is told to stop would let nobody tell him.
    if (this.socket.destroyed || !this.socket.writable) return this.closed;
    if (!this.#mayWait(this.socket.writableLength)) {
      this.#overflowed = true;
      this.socket.destroy();
      return this.closed;
    }
    if (this.socket.write(bytes)) return;
    this.#draining ??= Promise.race([
      new Promise<void>((resolve) => {
        this.socket.once("drain", () => resolve());
      }),
      this.closed,
    ]).finally(() => {
      this.#draining = undefined;
    });
    await this.#draining;
  }

  async #read(socket: Socket, onFrame: (frame: Record<string, unknown>) => void | Promise<void>): Promise<void> {
    try {
      for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
        this.#heard++;
        this.#heardAt = performance.now();
        this.#handling = true;
        for (const frame of this.#decoder.push(chunk as Buffer)) await onFrame(frame);
        this.#handling = false;
      }
    } catch (error) {
      if (!socket.destroyed) throw error;
    }
  }
}
