import { AsyncLocalStorage } from "node:async_hooks";
import type { DestinationStream } from "pino";

/** So much rides back in one answer: the last of it, since a call's own line comes at its end. */
const maxBytes = 64 * 1024;
const maxRecords = 64;

/** Carries what is logged while a request is answered back to who asked, beside where it goes anyhow. */
export class RecordCarrier {
  readonly #requests = new AsyncLocalStorage<string[]>();

  /** A destination whose lines are carried too, where a request is being answered. */
  over(own: DestinationStream): DestinationStream {
    return {
      write: (line) => {
        own.write(line);
        this.#requests.getStore()?.push(line);
      },
    };
  }

  /** Runs `work` and gives what was logged meanwhile, within bounds, and how many records had no room. */
  async collect<T>(work: () => Promise<T>): Promise<{ answer: T; records: unknown[]; left: number }> {
    const lines: string[] = [];
    const answer = await this.#requests.run(lines, work);
    let room = maxBytes;
    const fits = (line: string) => (room -= Buffer.byteLength(line)) >= 0;
    const newest = lines.slice(-maxRecords).toReversed();
    const end = newest.findIndex((line) => !fits(line));
    const carried = (end === -1 ? newest : newest.slice(0, end)).toReversed();
    return { answer, records: carried.map((line) => JSON.parse(line) as unknown), left: lines.length - carried.length };
  }
}
