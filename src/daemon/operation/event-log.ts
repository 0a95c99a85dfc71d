/** Something that an operation told of itself. */
export interface OperationEvent {
  readonly event: string;
  readonly data?: unknown;
}

/** An event and its place among all that the operation told, from 0 on. */
export interface NumberedEvent extends OperationEvent {
  readonly number: number;
}

/** So many events are kept; of more the oldest words about progress go first, so that no step is missed. */
const keptEvents = 1_000;

/** What an operation told, in order and bounded: it may be followed from any point, and whoever writes never waits for a reader. */
export class EventLog {
  #events: NumberedEvent[] = [];
  #next = 0;
  #ended = false;
  #changed = Promise.withResolvers<void>();

  /** The number that the next event gets. */
  get next(): number {
    return this.#next;
  }

  /** The events that are kept. */
  get kept(): readonly OperationEvent[] {
    return this.#events;
  }

  add(event: OperationEvent): void {
    if (this.#ended) return;
    this.#events.push({ ...event, number: this.#next++ });
    if (this.#events.length > keptEvents) {
      const least = this.#events.findIndex(({ event: name }) => name === "progress");
      this.#events.splice(Math.max(least, 0), 1);
    }
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** The events from number `from` on, those to come too, until the log ends; throws the signal's reason when that aborts. */
  async *follow(from = 0, signal?: AbortSignal): AsyncGenerator<NumberedEvent> {
    for (let next = from; ; ) {
      signal?.throwIfAborted();
      const event = this.#at(next);
      if (event !== undefined) {
        next = event.number + 1;
        yield event;
      } else if (this.#ended) return;
      else await unlessAborted(this.#changed.promise, signal);
    }
  }

  /** The first event that is kept with this number or a higher one. */
  #at(number: number): NumberedEvent | undefined {
    let low = 0;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#events[middle] as NumberedEvent).number < number) low = middle + 1;
      else high = middle;
    }
    return this.#events[low];
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }
}

/** Resolves with `work`, or when the signal aborts. */
function unlessAborted(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return work;
  return new Promise((resolve) => {
    const settle = () => {
      signal.removeEventListener("abort", settle);
      resolve();
    };
    signal.addEventListener("abort", settle);
    void work.then(settle);
  });
}
