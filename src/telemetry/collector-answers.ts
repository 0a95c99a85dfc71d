import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { Agent as HttpAgent, type ClientRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import type { ExportTls } from "./export-tls.ts";

/** Node says this of every response that this process's clients get. */
const channel = "http.client.response.finish";
/** So much of an answer's body is looked at. */
const lookedAt = 400;
/** A collector that asks for more patience is tried again after this. */
const maxPatienceMs = 5 * 60_000;

/** What a collector answered; exporters tell neither a status that they try again nor its words. */
export interface CollectorAnswer {
  readonly status: number;
  readonly type: string;
  /** It asked to be left alone for so long. */
  readonly waitMs: number;
  /** The body's first words, printable and in one line. */
  words(): string;
}

/** Listens to what the collector answers on an agent of its own. */
export class CollectorAnswers {
  readonly agent: HttpAgent;
  #last: CollectorAnswer | undefined;
  #response: IncomingMessage | undefined;

  constructor(url: string, tls: ExportTls) {
    this.agent = url.startsWith("https:")
      ? new HttpsAgent({ keepAlive: true, ...tls })
      : new HttpAgent({ keepAlive: true });
    subscribe(channel, this.#hear);
  }

  /** The answer to what was sent last. */
  get last(): CollectorAnswer | undefined {
    return this.#last;
  }

  /** Something is about to be sent. */
  forget(): void {
    this.#last = undefined;
    this.#response = undefined;
  }

  /** Waits no more for an answer to go on, nor for one to begin. */
  abort(): void {
    this.#response?.destroy();
    for (const sockets of Object.values(this.agent.sockets)) for (const socket of sockets ?? []) socket.destroy();
  }

  close(): void {
    unsubscribe(channel, this.#hear);
    this.agent.destroy();
  }

  readonly #hear = (message: unknown): void => {
    const { request, response } = message as {
      request: ClientRequest & { agent?: unknown };
      response: IncomingMessage;
    };
    if (request.agent !== this.agent) return;
    const parts: Buffer[] = [];
    let length = 0;
    response.on("data", (part: Buffer) => {
      if (length < lookedAt) parts.push(Buffer.from(part.subarray(0, lookedAt - length)));
      length += part.length;
    });
    const encoding = response.headers["content-encoding"] ?? "identity";
    this.#response = response;
    this.#last = {
      status: response.statusCode ?? 0,
      type: response.headers["content-type"] ?? "",
      waitMs: patience(response.statusCode, response.headers["retry-after"]),
      words: () => (encoding === "identity" ? oneLine(Buffer.concat(parts).toString()) : `(in ${oneLine(encoding)})`),
    };
  };
}

/** Text of a stranger's as it may stand in a log and a terminal. */
export function oneLine(text: string): string {
  return text
    .replaceAll(/[\p{C}\p{Zl}\p{Zp}\s\ufffd]+/gu, " ")
    .trim()
    .slice(0, 200);
}

function patience(status: number | undefined, given: string | undefined): number {
  if (given === undefined || (status !== 429 && status !== 503)) return 0;
  const asked = /^\s*\d+\s*$/.test(given) ? Number(given) * 1_000 : Date.parse(given) - Date.now();
  return asked > 0 ? Math.min(asked, maxPatienceMs) : 0;
}
