import type { Duplex } from "node:stream";
import { type AgentFrame, AgentFrameDecoder, encodeAgentFrame, frameType } from "../../src/daemon/guest/agent-frame.ts";

/** What a scripted agent does with what it is asked. */
export type AgentManner =
  /** Answers everything. */
  | "answers"
  /** Hears and says nothing. */
  | "silent"
  /** Says hello, then nothing. */
  | "hello_only"
  /** Answers everything but that it should end the guest. */
  | "stays";

const timeline = Buffer.concat([Buffer.from([5]), Buffer.from("ready"), Buffer.alloc(16)]);

/** An agent without a guest: answers frames on a stream as the test says. */
export class ScriptedAgent {
  manner: AgentManner = "answers";
  /** The newest protocol that it speaks. */
  version = 2;
  /** Its memory and what of it can be had, in bytes, and what it says of what listens. */
  memory: readonly [total: bigint, available: bigint] = [512n * 1024n * 1024n, 300n * 1024n * 1024n];
  listening: Buffer = Buffer.alloc(1);
  /** How often it was asked for its memory. */
  usageAsked = 0;
  /** How often the guest's clock was set. */
  timesSet = 0;
  /** Whether commands end at once, run on whatever comes, run until a signal, or end when their input has, which is kept and may be as long as the first credit. */
  commands: "end" | "run" | "wait" | "read" = "end";
  /** What commands were given to read, each on its own. */
  readonly inputs: Buffer[] = [];
  /** What commands that read print, and how they exit. */
  prints = "";
  exits = 0;
  /** Called with each command that was asked for: its words are in the payload as they are. */
  onCommand: (payload: Buffer) => void = () => undefined;
  /** Called when the guest is asked to go. */
  onShutdown: () => void = () => undefined;
  readonly #streams = new Set<Duplex>();

  /** Serves a connection of the daemon's. */
  serve(socket: Duplex): void {
    this.#streams.add(socket);
    const decoder = new AgentFrameDecoder();
    socket.on("error", () => undefined);
    socket.on("close", () => this.#streams.delete(socket));
    socket.on("data", (bytes: Buffer) => {
      for (const frame of decoder.push(bytes)) this.#answer(socket, frame);
    });
  }

  /** The guest is gone. */
  close(): void {
    for (const socket of this.#streams) socket.destroy();
  }

  #answer(socket: Duplex, { session, stream, type, payload }: AgentFrame): void | undefined {
    const send = (answer: number, bytes: Buffer) => {
      socket.write(encodeAgentFrame({ session, stream, type: answer, flags: 0, payload: bytes }));
    };
    if (this.manner === "silent") return;
    if (type === frameType.attach) {
      const hello = Buffer.from(payload);
      hello.writeUInt16LE(Math.min(this.version, payload.readUInt16LE(16)), 16);
      send(frameType.hello, hello);
      if (this.manner !== "hello_only") send(frameType.timeline, timeline);
    }
    if (this.manner === "hello_only") return;
    if (type === frameType.ping) {
      const now = Buffer.alloc(8);
      now.writeBigUInt64LE(process.hrtime.bigint());
      send(frameType.pong, Buffer.concat([payload, now]));
    } else if (type === frameType.exec) {
      if (this.commands === "end") send(frameType.exit, Buffer.from([0, 0, 0, 0, 0]));
      if (this.commands === "read") {
        const credit = Buffer.alloc(4);
        credit.writeUInt32LE(1024 * 1024);
        send(frameType.stdinCredit, credit);
        this.inputs.push(Buffer.alloc(0));
      }
      this.onCommand(payload);
    } else if (type === frameType.signal && this.commands === "wait") {
      send(frameType.exit, Buffer.concat([Buffer.from([1]), payload, Buffer.alloc(3)]));
    } else if (type === frameType.stdin) {
      if (this.commands !== "read") return;
      if (payload.length > 0)
        return void this.inputs.push(Buffer.concat([this.inputs.pop() ?? Buffer.alloc(0), payload]));
      if (this.prints !== "") send(frameType.stdout, Buffer.from(this.prints));
      send(frameType.exit, Buffer.from([0, this.exits, 0, 0, 0]));
    } else if (type === frameType.shutdown) {
      if (this.manner === "stays") return this.onShutdown();
      send(frameType.shuttingDown, Buffer.alloc(0));
      this.onShutdown();
    } else if (type === frameType.usage) {
      this.usageAsked++;
      const [total, available] = this.memory;
      const numbers = Buffer.alloc(16);
      numbers.writeBigUInt64LE(total);
      numbers.writeBigUInt64LE(available, 8);
      send(frameType.used, Buffer.concat([payload, numbers]));
    } else if (type === frameType.ports) {
      send(frameType.listening, Buffer.concat([payload, this.listening]));
    } else if (type === frameType.time) {
      this.timesSet++;
      send(frameType.timeSet, Buffer.alloc(9));
    }
  }
}
