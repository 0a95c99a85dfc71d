import { createSocket, type RemoteInfo, type Socket as Datagrams } from "node:dgram";
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import type { Logger } from "../../../telemetry/log.ts";
import { isQuestion, mostQuestion } from "./message.ts";
import { Quota } from "./quota.ts";
import { framed, Unframer } from "./stream.ts";
import type { Transport } from "./upstreams.ts";

/** What the relay needs. */
export interface RelayDeps {
  /** The bridge's address: guests are led here, nobody else. */
  readonly address: string;
  /** The port that is tried first. */
  readonly port: number;
  readonly isGuest: (address: string) => boolean;
  /** Answers a question; never fails. */
  readonly answer: (question: Buffer, transport: Transport, signal: AbortSignal) => Promise<Buffer>;
  readonly log: Logger;
}

/** Each question under way holds a socket to a name server. */
const questions = { each: 64, all: 256 };
const streams = { each: 16, all: 64 };
const idleMs = 10_000;
/** What says that the bridge isn't there, and what that its port is taken. */
const [notThere, inUse] = ["EADDRNOTAVAIL", "EADDRINUSE"];
/** Whoever has a port for TCP may have it for UDP as well. */
const attempts = 5;

/** Where guests' DNS arrives: takes questions by UDP and TCP, as many as there is room for, and hands answers back. */
export class NameRelay {
  readonly #deps: RelayDeps;
  readonly #questions = new Quota(questions);
  readonly #streams = new Quota(streams);
  readonly #sockets = new Set<Socket>();
  #closing = new AbortController();
  #listening: Promise<{ port: number; datagrams: Datagrams; server: Server } | undefined> | undefined;

  constructor(deps: RelayDeps) {
    this.#deps = deps;
  }

  /** Listens, or does already; the port, or undefined while there is no such address. */
  async listen(): Promise<number | undefined> {
    this.#listening ??= this.#open();
    const listening = this.#listening;
    const opened = await listening.catch((error: unknown) => {
      this.#deps.log.warn({ err: error }, "guests' DNS can't be relayed");
      return undefined;
    });
    if (opened === undefined && this.#listening === listening) this.#listening = undefined;
    return opened?.port;
  }

  /** Ends every question under way. */
  async close(): Promise<void> {
    const listening = this.#listening;
    this.#listening = undefined;
    this.#closing.abort();
    this.#closing = new AbortController();
    const opened = await listening?.catch(() => undefined);
    for (const socket of this.#sockets) socket.destroy();
    if (opened === undefined) return;
    opened.datagrams.close();
    opened.server.close();
    await once(opened.server, "close");
  }

  async #open() {
    for (let attempt = 1; ; attempt++) {
      const wanted = attempt === 1 ? this.#deps.port : 0;
      try {
        return await this.#openAt(wanted);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === notThere) return undefined;
        if (code !== inUse || attempt === attempts) throw error;
      }
    }
  }

  async #openAt(wanted: number) {
    const datagrams = createSocket({ type: "udp4" });
    datagrams.bind({ address: this.#deps.address, port: wanted, exclusive: true });
    await once(datagrams, "listening");
    const { port } = datagrams.address();
    const server = createServer({ allowHalfOpen: true }, (socket) => void this.#serve(socket));
    server.listen({ host: this.#deps.address, port });
    try {
      await once(server, "listening");
    } catch (error) {
      datagrams.close();
      throw error;
    }
    const complain = (error: Error) => this.#deps.log.warn({ err: error }, "guests' DNS is relayed with difficulty");
    datagrams.on("error", complain);
    server.on("error", complain);
    datagrams.on("message", (question, from) => void this.#take(datagrams, question, from));
    return { port, datagrams, server };
  }

  async #take(datagrams: Datagrams, question: Buffer, { address, port }: RemoteInfo): Promise<void> {
    if (!this.#deps.isGuest(address) || !isQuestion(question)) return;
    const done = this.#questions.take(address);
    // Unanswered, its resolver asks again.
    if (done === undefined) return;
    const { signal } = this.#closing;
    const answer = await this.#deps.answer(question, "datagram", signal).finally(done);
    // One that doesn't fit or has nowhere to go is lost, as datagrams are.
    if (!signal.aborted) datagrams.send(answer, port, address, () => undefined);
  }

  async #serve(socket: Socket): Promise<void> {
    const from = socket.remoteAddress ?? "";
    const done = this.#deps.isGuest(from) ? this.#streams.take(from) : undefined;
    socket.on("error", () => undefined);
    if (done === undefined) return void socket.destroy();
    this.#sockets.add(socket);
    socket.once("close", () => {
      this.#sockets.delete(socket);
      done();
    });
    socket.setTimeout(idleMs, () => socket.destroy());
    try {
      await this.#converse(socket, from);
      socket.end();
    } catch {
      // It went away, or says what is no DNS: either way it is cut off.
      socket.destroy();
    }
  }

  /** One question after the other, and none before the last answer is taken. */
  async #converse(socket: Socket, from: string): Promise<void> {
    const messages = new Unframer(mostQuestion);
    for await (const bytes of socket as AsyncIterable<Buffer>) {
      for (const question of messages.push(bytes)) {
        const done = isQuestion(question) ? this.#questions.take(from) : undefined;
        if (done === undefined) return;
        const answer = await this.#deps.answer(question, "stream", this.#closing.signal).finally(done);
        if (!socket.write(framed(answer))) await Promise.race([once(socket, "drain"), once(socket, "close")]);
      }
    }
  }
}
