import { inputWindow } from "./frame.ts";

/** A server that grants credit says so when it takes the request; one that hasn't after this long is older, and never will. */
const firstGrantMs = 500;

/** How much input may still be sent, so that bytes which nobody takes never lie in front of a cancellation. */
export class InputCredit {
  #left = inputWindow;
  #mode: "unknown" | "granted" | "unlimited" = "unknown";
  #over = false;
  #wake: (() => void) | undefined;

  /** The server's handler took so many bytes. */
  grant(bytes: number): void {
    this.#mode = "granted";
    this.#left += bytes;
    this.#wake?.();
  }

  /** No more is sent. */
  close(): void {
    this.#over = true;
    this.#wake?.();
  }

  /** Waits until some of `wanted` bytes may be sent and says how many; 0 when the request is over. */
  async take(wanted: number): Promise<number> {
    while (this.#left <= 0 && this.#mode !== "unlimited" && !this.#over) await this.#granted();
    if (this.#over) return 0;
    if (this.#mode === "unlimited") return wanted;
    const count = Math.min(wanted, this.#left);
    this.#left -= count;
    return count;
  }

  async #granted(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (this.#mode === "unknown") timer = setTimeout(resolve, firstGrantMs);
    });
    clearTimeout(timer);
    if (this.#mode === "unknown") this.#mode = "unlimited";
  }
}
