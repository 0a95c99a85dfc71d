import { createSocket, type RemoteInfo, type Socket as Datagrams } from "node:dgram";
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import type { Logger } from "../../../telemetry/log.ts";
import { failure, isQuestion, mostQuestion, rcode } from "./message.ts";
import { type Held, Quota } from "./quota.ts";
import { framed, Unframer } from "./stream.ts";
import type { Transport } from "./upstreams.ts";

/** What the relay needs. */
export interface RelayDeps {
  /** The bridge's address: guests are led here, and the host asks it. */
  readonly address: string;
  /** The port that is tried first. */
  readonly port: number;
  /** Whether who asks from there is answered at all. */
  readonly hears: (address: string) => boolean;
  /** How long a connection may last, whatever is said on it. */
  readonly streamLifeMs: number;
  /** Answers a question that came `from` an address, or is given up with the signal. */
  readonly answer: (question: Buffer, transport: Transport, signal: AbortSignal, from: string) => Promise<Buffer>;
  readonly log: Logger;
}

/** A question under way holds up to three sockets to name servers (by the patience and the limit of guest-names.ts), so there are 768 in all. */
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
  #hasFailed = false;
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
    const opened = await listening?.catch(() => undefined);
    if (opened === undefined) return;
    // First of all nothing more comes in.
    opened.datagrams.close();
    opened.server.close();
    for (const socket of this.#sockets) socket.destroy();
    this.#questions.cutAll();
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
    const server = createServer({ allowHalfOpen: true }, (socket) => void this.#serve(socket));
    try {
      datagrams.bind({ address: this.#deps.address, port: wanted, exclusive: true });
      await once(datagrams, "listening");
      server.listen({ host: this.#deps.address, port: datagrams.address().port });
      await once(server, "listening");
    } catch (error) {
      datagrams.close();
      throw error;
    }
    const { port } = datagrams.address();
    const complain = (error: Error) => this.#deps.log.warn({ err: error }, "guests' DNS is relayed with difficulty");
    datagrams.on("error", complain);
    server.on("error", complain);
    datagrams.on("message", (question, from) => void this.#take(datagrams, question, from));
    return { port, datagrams, server };
  }

  async #take(datagrams: Datagrams, question: Buffer, { address, port }: RemoteInfo): Promise<void> {
    // Nobody is answered at port 0, though a packet may come from there.
    if (port === 0 || !this.#deps.hears(address) || !isQuestion(question)) return;
    const answer = await this.#answer(question, "datagram", address);
    // Unanswered, its resolver asks again. An answer that doesn't fit or has nowhere to go is lost, as datagrams are.
    if (answer !== undefined) datagrams.send(answer, port, address, () => undefined);
  }

  /** Undefined when there is no room for it, or no longer. */
  async #answer(question: Buffer, transport: Transport, from: string): Promise<Buffer | undefined> {
    const cut = new AbortController();
    const held = this.#questions.take(from, () => cut.abort());
    if (held === undefined) return undefined;
    try {
      const answer = await this.#deps.answer(question, transport, cut.signal, from);
      return cut.signal.aborted ? undefined : answer;
    } catch (error) {
      this.#complainOnce(error);
      return cut.signal.aborted ? undefined : failure(question, rcode.serverFailure);
    } finally {
      held.end();
    }
  }

  /** A guest asks as often as it likes; the daemon's log doesn't grow with it. */
  #complainOnce(error: unknown): void {
    if (!this.#hasFailed)
      this.#deps.log.error({ err: error }, "a guest's question could not be asked; more like it go unsaid");
    this.#hasFailed = true;
  }

  async #serve(socket: Socket): Promise<void> {
    const from = socket.remoteAddress ?? "";
    const cut = () => void socket.destroy();
    const held = this.#deps.hears(from) ? this.#streams.take(from, cut) : undefined;
    socket.on("error", () => undefined);
    if (held === undefined) return cut();
    this.#keep(socket, held, setTimeout(cut, this.#deps.streamLifeMs));
    socket.setTimeout(idleMs, cut);
    try {
      await this.#converse(socket, from);
      socket.end();
    } catch {
      // It went away, or says what is no DNS: either way it is cut off.
      socket.destroy();
    }
  }

  /** Until it is closed, from whichever side. */
  #keep(socket: Socket, held: Held, life: NodeJS.Timeout): void {
    this.#sockets.add(socket);
    socket.once("close", () => {
      clearTimeout(life);
      this.#sockets.delete(socket);
      held.end();
    });
  }

  /** One question after the other, and none before the last answer is taken. */
  async #converse(socket: Socket, from: string): Promise<void> {
    const messages = new Unframer(mostQuestion);
    for await (const bytes of socket as AsyncIterable<Buffer>) {
      for (const question of messages.push(bytes)) {
        const answer = isQuestion(question) ? await this.#answer(question, "stream", from) : undefined;
        if (answer === undefined) return;
        if (!socket.write(framed(answer))) await Promise.race([once(socket, "drain"), once(socket, "close")]);
      }
    }
  }
}
