import type { Socket } from "node:net";
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
  /** How often the guest's clock was set. */
  timesSet = 0;
  /** Whether commands end at once, or run on. */
  commands: "end" | "run" = "end";
  /** Called with each command that was asked for. */
  onCommand: () => void = () => undefined;
  /** Called when the guest is asked to go. */
  onShutdown: () => void = () => undefined;
  readonly #streams = new Set<Socket>();

  /** Serves a connection of the daemon's. */
  serve(socket: Socket): void {
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

  #answer(socket: Socket, { session, stream, type, payload }: AgentFrame): void | undefined {
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
      this.onCommand();
    } else if (type === frameType.shutdown) {
      if (this.manner === "stays") return this.onShutdown();
      send(frameType.shuttingDown, Buffer.alloc(0));
      this.onShutdown();
    } else if (type === frameType.time) {
      this.timesSet++;
      send(frameType.timeSet, Buffer.alloc(9));
    }
  }
}
