import { type Ask, askByDatagram, askByStream, type Server } from "./ask.ts";
import { failure, idOf, rcode, rcodeOf, withId } from "./message.ts";

/** What asking the host's name servers needs. */
export interface UpstreamsDeps {
  /** The servers as they are now, in order. */
  readonly servers: () => readonly Server[];
  /** After this long the next one is asked too; the first one's answer is still welcome. */
  readonly patienceMs: number;
  /** A guest's own resolver gives up after 5 s. */
  readonly limitMs: number;
}

/** How a question came, and so how it is passed on. */
export type Transport = "datagram" | "stream";

/** What another server may know better (resolver(5) goes on after these too). */
const unhelpful: ReadonlySet<number> = new Set([rcode.serverFailure, rcode.notImplemented, rcode.refused]);
/** Datagrams are lost: each server is asked twice. */
const rounds = 2;

/** Asks the host's name servers in their guests' place, the one that answered last first. */
export class Upstreams {
  readonly #deps: UpstreamsDeps;
  #answered = "";

  constructor(deps: UpstreamsDeps) {
    this.#deps = deps;
  }

  /** Always an answer: REFUSED where there is no server, SERVFAIL where none answers in time. */
  async answer(question: Buffer, transport: Transport, signal: AbortSignal): Promise<Buffer> {
    const servers = this.#deps.servers();
    if (servers.length === 0) return failure(question, rcode.refused);
    const ask = transport === "datagram" ? askByDatagram : askByStream;
    const found = await this.#first(this.#inOrder(servers), ask, question, signal);
    return found === undefined ? failure(question, rcode.serverFailure) : withId(found, idOf(question));
  }

  #inOrder(servers: readonly Server[]): Server[] {
    const once = servers.toSorted((a, b) => Number(keyOf(b) === this.#answered) - Number(keyOf(a) === this.#answered));
    return Array.from({ length: rounds }, () => once).flat();
  }

  /** The first helpful answer; else an unhelpful one, if there was any. */
  #first(servers: readonly Server[], ask: Ask, question: Buffer, signal: AbortSignal): Promise<Buffer | undefined> {
    const { patienceMs, limitMs } = this.#deps;
    if (signal.aborted) return Promise.resolve(undefined);
    const over = new AbortController();
    return new Promise((resolve) => {
      let [next, running] = [0, 0];
      let unhelped: Buffer | undefined;
      let patience: NodeJS.Timeout | undefined;
      const finish = (answer: Buffer | undefined) => {
        clearTimeout(patience);
        clearTimeout(limit);
        signal.removeEventListener("abort", leave);
        over.abort();
        resolve(answer);
      };
      const leave = () => finish(undefined);
      const limit = setTimeout(() => finish(unhelped), limitMs);
      signal.addEventListener("abort", leave, { once: true });
      const goOn = () => {
        running--;
        if (!over.signal.aborted) begin();
      };
      const begin = () => {
        clearTimeout(patience);
        const server = servers[next++];
        if (server === undefined) {
          if (running === 0) finish(unhelped);
          return;
        }
        running++;
        patience = setTimeout(begin, patienceMs);
        ask(server, question, over.signal).then((answer) => {
          if (unhelpful.has(rcodeOf(answer))) {
            unhelped ??= answer;
            goOn();
          } else {
            this.#answered = keyOf(server);
            finish(answer);
          }
        }, goOn);
      };
      begin();
    });
  }
}

function keyOf({ address, port }: Server): string {
  return `${address} ${port}`;
}
