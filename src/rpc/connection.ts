import type { Socket } from "node:net";
import {
  type EventFrame,
  encodeFrame,
  type FollowUpFrame,
  FrameDecoder,
  type RequestFrame,
  type ResponseFrame,
} from "./frame.ts";

/** One side of a socket: frames in order, back-pressure on what is sent. */
export class Connection {
  readonly socket: Socket;
  /** Resolves when the socket is gone, however that came. */
  readonly closed: Promise<void>;
  #draining: Promise<void> | undefined;

  /** `onFrame` may return a promise: reading pauses until it resolves. `onGarbage` gets what made the stream unusable. */
  constructor(
    socket: Socket,
    onFrame: (frame: Record<string, unknown>) => void | Promise<void>,
    onGarbage: (error: unknown) => void,
  ) {
    this.socket = socket;
    this.closed = new Promise((resolve) => {
      socket.once("close", () => resolve());
    });
    // A reset is reported by the close that always follows.
    socket.on("error", () => undefined);
    this.#read(socket, onFrame).catch(onGarbage);
  }

  /** Sends a frame; resolves when the peer keeps up, at once when the socket is gone. */
  async send(frame: RequestFrame | ResponseFrame | EventFrame | FollowUpFrame): Promise<void> {
    const bytes = encodeFrame(frame);
    if (this.socket.destroyed || !this.socket.writable) return;
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
    const decoder = new FrameDecoder();
    try {
      for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
        for (const frame of decoder.push(chunk as Buffer)) await onFrame(frame);
      }
    } catch (error) {
      if (!socket.destroyed) throw error;
    }
  }
}
