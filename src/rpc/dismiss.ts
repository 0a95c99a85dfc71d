import type { Socket } from "node:net";
import { refusal } from "./dispatch.ts";
import { encodeFrame } from "./frame.ts";

/** A peer that was told to leave has so long to do so. */
const lingerMs = 1_000;
/** So many at a time, beside those that may be connected: who comes beyond them is not waited for. */
export const maxLingering = 64;

/** Sends peers away with a word. */
export class Dismissals {
  #lingering = 0;

  /** Says why and leaves; what the peer still sends is read, else it would lose these words. Gone after a moment, whatever the peer does. */
  dismiss(socket: Socket, error: unknown): void {
    socket.end(encodeFrame(refusal(error)));
    // The kernel has taken the words where it had room: whoever reads nothing is not waited for.
    if (this.#lingering >= maxLingering) return void socket.destroy();
    this.#lingering++;
    socket.resume();
    const timer = setTimeout(() => socket.destroy(), lingerMs);
    socket.once("close", () => {
      this.#lingering--;
      clearTimeout(timer);
    });
  }
}
