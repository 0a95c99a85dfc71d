/** Something that an operation told of itself. */
export interface OperationEvent {
  readonly event: string;
  readonly data?: unknown;
}

/** So many events are kept; a follower that is further behind misses the oldest. */
const keptEvents = 1_000;

/** What an operation told, in order and bounded: it may be followed from any point, and whoever writes never waits for a reader. */
export class EventLog {
  #events: OperationEvent[] = [];
  /** The number of the first event that is kept. */
  #first = 0;
  #ended = false;
  #changed = Promise.withResolvers<void>();

  add(event: OperationEvent): void {
    if (this.#ended) return;
    this.#events.push(event);
    if (this.#events.length > keptEvents) {
      this.#events.shift();
      this.#first++;
    }
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** The events from number `from` on, those to come too, until the log ends. */
  async *follow(from = 0): AsyncGenerator<OperationEvent> {
    for (let next = from; ; ) {
      next = Math.max(next, this.#first);
      const event = this.#events[next - this.#first];
      if (event !== undefined) {
        next++;
        yield event;
      } else if (this.#ended) return;
      else await this.#changed.promise;
    }
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }
}
