import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createConnection, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { BangerError } from "../../rpc/contract/errors.ts";
import { AgentExec, type ExecEnd, type ExecRequest } from "./agent-exec.ts";
import { type AgentFrame, AgentFrameDecoder, encodeAgentFrame, frameType, maxFrame } from "./agent-frame.ts";
import { type ClockAnchor, readTimeline, type Stage } from "./timeline.ts";

const protocolVersion = 1;
const nonceBytes = 16;
const anchorPings = 5;
/** A guest that is busy, without KVM, answers late; one that doesn't within this is not there. */
const answerDeadlineMs = 15_000;
const pingEveryMs = 5_000;

/** The host's side of a guest's agent, over a stream that a hostile guest may fill with anything. */
export class AgentClient {
  /** The guest's boot, as it says. */
  readonly timeline: readonly Stage[];
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #session: number;
  readonly #execs = new Map<number, AgentExec>();
  readonly #pings = new Map<bigint, (guestNs: bigint) => void>();
  readonly #gone = Promise.withResolvers<never>();
  #nextStream = 1;
  #watching = false;
  #shuttingDown: (() => void) | undefined;

  private constructor(socket: Socket, session: number, timeline: readonly Stage[], rest: AgentFrameDecoder) {
    this.#socket = socket;
    this.#session = session;
    this.timeline = timeline;
    this.closed = new Promise((resolve) => {
      socket.once("close", () => resolve());
    });
    // Whoever waits races this; it is nobody's failure when nobody does.
    this.#gone.promise.catch(() => undefined);
    void this.closed.then(() => this.#end());
    socket.on("data", (bytes: Buffer) => {
      for (const frame of rest.push(bytes)) this.#receive(frame);
    });
  }

  /** Connects to the socket at `path` and waits until the agent answers. */
  static async attach({ path, signal }: { path: string; signal: AbortSignal }): Promise<AgentClient> {
    signal.throwIfAborted();
    const socket = createConnection(path);
    const abort = () => socket.destroy(signal.reason as Error);
    signal.addEventListener("abort", abort, { once: true });
    // Every error is followed by the close that ends what waits.
    socket.on("error", () => undefined);
    try {
      await once(socket, "connect");
      const decoder = new AgentFrameDecoder();
      const { session, timeline } = await introduce(socket, decoder);
      return new AgentClient(socket, session, timeline, decoder);
    } catch (cause) {
      socket.destroy();
      signal.throwIfAborted();
      if (cause instanceof BangerError) throw cause;
      throw new BangerError("guest_died", "the connection to the guest's agent was lost", { cause });
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  /** Says where the guest's clock lies on the host's: of some round trips, the quickest tells it best. */
  async clockAnchor(now: () => bigint): Promise<ClockAnchor> {
    let best: ClockAnchor | undefined;
    for (let n = 0; n < anchorPings; n++) {
      const sentNs = now();
      const guestNs = await this.#ping();
      const tookNs = now() - sentNs;
      const hostNs = sentNs + tookNs / 2n;
      if (best === undefined || tookNs / 2n < best.uncertaintyNs)
        best = { hostNs, guestNs, uncertaintyNs: tookNs / 2n };
    }
    if (best === undefined) throw new Error("no round trip was made");
    return best;
  }

  /** Runs a command in the guest. */
  async exec(request: ExecRequest): Promise<ExecEnd> {
    const stream = this.#nextStream++;
    const exec = new AgentExec(request, (type, payload, flags = 0) => this.#send(stream, type, payload, flags));
    this.#execs.set(stream, exec);
    void this.#watch();
    try {
      return await Promise.race([exec.run(), this.#gone.promise]);
    } finally {
      this.#execs.delete(stream);
    }
  }

  /** Asks the guest to end; resolves when it has begun to. */
  async shutdown(how: "poweroff" | "reboot"): Promise<void> {
    const begun = new Promise<void>((resolve) => {
      this.#shuttingDown = resolve;
    });
    await this.#send(0, frameType.shutdown, Buffer.from([how === "poweroff" ? 0 : 1]));
    await Promise.race([begun, this.closed]);
  }

  close(): void {
    this.#socket.destroy();
  }

  /** While commands run, asks for an answer now and then: virtio-serial stays open when the agent is gone. */
  async #watch(): Promise<void> {
    if (this.#watching) return;
    this.#watching = true;
    while (this.#execs.size > 0) {
      const heard = await Promise.race([
        this.#ping().then(
          () => true,
          () => true,
        ),
        delay(answerDeadlineMs, false, { ref: false }),
      ]);
      if (!heard) {
        const silent = `the guest's agent has not answered for ${answerDeadlineMs / 1000} s`;
        for (const exec of this.#execs.values()) exec.fail(new BangerError("guest_died", silent));
      }
      await delay(pingEveryMs, undefined, { ref: false });
    }
    this.#watching = false;
  }

  async #ping(): Promise<bigint> {
    const token = randomBytes(8);
    const answered = new Promise<bigint>((resolve) => this.#pings.set(token.readBigUInt64LE(0), resolve));
    await this.#send(0, frameType.ping, token);
    return Promise.race([answered, this.#gone.promise]);
  }

  async #send(stream: number, type: number, payload: Buffer, flags = 0): Promise<void> {
    if (this.#socket.destroyed) return;
    const fits = this.#socket.write(encodeAgentFrame({ session: this.#session, stream, type, flags, payload }));
    if (!fits) await Promise.race([once(this.#socket, "drain").catch(() => undefined), this.closed]);
  }

  #receive(frame: AgentFrame): void {
    if (frame.session !== this.#session) return;
    if (frame.type === frameType.pong && frame.payload.length === 16) {
      const token = frame.payload.readBigUInt64LE(0);
      this.#pings.get(token)?.(frame.payload.readBigUInt64LE(8));
      this.#pings.delete(token);
    } else if (frame.type === frameType.shuttingDown) this.#shuttingDown?.();
    else this.#execs.get(frame.stream)?.receive(frame);
  }

  #end(): void {
    const lost = new BangerError("guest_died", "the connection to the guest's agent was lost");
    this.#gone.reject(lost);
    for (const exec of this.#execs.values()) exec.fail(lost);
  }
}

/** Attaches: completes what a dead daemon may have left half written, then waits for the answer to our own nonce. */
async function introduce(
  socket: Socket,
  decoder: AgentFrameDecoder,
): Promise<{ session: number; timeline: readonly Stage[] }> {
  const nonce = randomBytes(nonceBytes);
  const session = nonce.readUInt32LE(0);
  const version = Buffer.alloc(2);
  version.writeUInt16LE(protocolVersion);
  socket.write(Buffer.alloc(maxFrame));
  const payload = Buffer.concat([nonce, version]);
  socket.write(encodeAgentFrame({ session, stream: 0, type: frameType.attach, flags: 0, payload }));
  let answered = false;
  return new Promise((resolve, reject) => {
    const lost = () => reject(new Error("the socket was closed"));
    const take = (bytes: Buffer) => {
      for (const frame of decoder.push(bytes)) {
        if (frame.session !== session) continue;
        if (frame.type === frameType.hello && frame.payload.subarray(0, nonceBytes).equals(nonce)) {
          const spoken = frame.payload.length >= nonceBytes + 2 ? frame.payload.readUInt16LE(nonceBytes) : 0;
          if (spoken !== protocolVersion) {
            const versions = `the guest's agent speaks version ${spoken}, this daemon ${protocolVersion}`;
            return reject(new BangerError("bad_version", `${versions}; import the VM's kernel again`));
          }
          answered = true;
        } else if (answered && frame.type === frameType.timeline) {
          socket.off("data", take);
          socket.off("close", lost);
          return resolve({ session, timeline: readTimeline(frame.payload) });
        }
      }
    };
    socket.on("data", take);
    socket.once("close", lost);
  });
}
