import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";

/** What a test's collector answers. */
export type Manner = (response: ServerResponse, request: IncomingMessage) => void;

/** A request as it came. */
export interface Received {
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

/** A collector on loopback, in this process, which answers as a test says. */
export class OddCollector implements AsyncDisposable {
  readonly received: Received[] = [];
  manner: Manner;
  readonly #server: Server;
  readonly #scheme: string;

  private constructor(manner: Manner, tls: { cert: Buffer; key: Buffer } | undefined) {
    this.manner = manner;
    const take = (request: IncomingMessage, response: ServerResponse) => {
      const parts: Buffer[] = [];
      request
        .on("data", (part: Buffer) => parts.push(part))
        .on("end", () => {
          const { url: path = "", headers } = request;
          this.received.push({ path, headers, body: Buffer.concat(parts) });
          this.manner(response, request);
        });
    };
    this.#scheme = tls === undefined ? "http" : "https";
    this.#server = tls === undefined ? createServer(take) : createTlsServer(tls, take);
  }

  static async start(manner: Manner = accepts, tls?: { cert: Buffer; key: Buffer }): Promise<OddCollector> {
    const collector = new OddCollector(manner, tls);
    collector.#server.listen(0, "127.0.0.1");
    await once(collector.#server, "listening");
    return collector;
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}

/** Takes everything. */
export const accepts: Manner = (response) => void response.setHeader("content-type", "application/json").end("{}");
