import { usage } from "./usage.ts";

/** So many bytes wait for a guest that reads nothing; what is typed then is lost, but not the escape key. */
const mostWaiting = 64 * 1024;

/** The key by which somebody leaves a guest that gets all the others. */
export class EscapeKey {
  /** As a person calls it, `Ctrl-]`; undefined where there is none. */
  readonly shown: string | undefined;
  readonly #byte: number | undefined;
  readonly #pressed = new AbortController();

  /** `^A` to `^_`, or `none`. */
  constructor(name: string) {
    if (!/^(\^[A-Z[\\\]^_]|none)$/.test(name)) {
      throw usage(
        `vm console: --escape: ${JSON.stringify(name)} is not ^A to ^Z, ^[, ^\\, ^], ^^, ^_, or none`,
        "vm console",
      );
    }
    this.#byte = name === "none" ? undefined : name.charCodeAt(1) & 0x1f;
    this.shown = name === "none" ? undefined : `Ctrl-${name[1]}`;
  }

  /** Aborts when it is pressed. */
  get pressed(): AbortSignal {
    return this.#pressed.signal;
  }

  /** All that is typed before it. It is read at once, so that the key is found behind what nobody takes. */
  async *watch(typed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const waiting: Uint8Array[] = [];
    let length = 0;
    let failure: Error | undefined;
    let changed = Promise.withResolvers<void>();
    const read = async () => {
      for await (const bytes of typed) {
        const at = this.#byte === undefined ? -1 : bytes.indexOf(this.#byte);
        const before = at === -1 ? bytes : bytes.subarray(0, at);
        if (before.length > 0 && length + before.length <= mostWaiting) {
          waiting.push(before);
          length += before.length;
        }
        if (at !== -1) return this.#pressed.abort();
        changed.resolve();
      }
    };
    void read()
      .catch((error: unknown) => void (failure = error as Error))
      .finally(() => changed.resolve());
    for (;;) {
      const next = waiting.shift();
      if (next !== undefined) {
        length -= next.length;
        yield next;
        continue;
      }
      if (failure !== undefined) throw failure;
      await changed.promise;
      changed = Promise.withResolvers<void>();
    }
  }
}
