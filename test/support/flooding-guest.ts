// A guest in a process of its own, so that what a flood costs the daemon is measured alone: `node flooding-guest.ts DIRECTORY`,
// in which each flood has its socket. It attaches in order, answers pings, and sends a flood without end: from hello on, or from a command's start.
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type AgentFrame, AgentFrameDecoder, encodeAgentFrame, frameType } from "../../src/daemon/guest/agent-frame.ts";

interface Flood {
  /** What it waits for: nothing, its own hello, a command. */
  readonly after: "connect" | "hello" | "exec";
  /** What it sends again and again. */
  readonly bytes: (session: number, stream: number) => Buffer;
}

const chunkBytes = 60_000;
const frame = (of: Partial<AgentFrame> & { type: number }) =>
  encodeAgentFrame({ session: 0, stream: 0, flags: 0, payload: Buffer.alloc(0), ...of });
const many = (bytes: Buffer) => Buffer.concat(Array(Math.ceil(chunkBytes / bytes.length)).fill(bytes));
const repeated = (
  after: Flood["after"],
  of: (session: number, stream: number) => Partial<AgentFrame> & { type: number },
): Flood => ({
  after,
  bytes: (session, stream) => many(frame({ session, ...of(session, stream) })),
});

/** Headers that lie so close that each makes a reader sum up 16 KiB in vain. */
function closeHeaders(session: number): Buffer {
  const header = Buffer.alloc(20);
  header.write("BNG1");
  header.writeUInt32LE(session, 4);
  header.writeUInt8(frameType.stdout, 12);
  header.writeUInt32LE(16_384, 16);
  return many(header);
}

/** The floods, by name. */
export const floods = {
  "zeros before hello": { after: "connect", bytes: () => Buffer.alloc(chunkBytes) },
  "wrong checksums before hello": { after: "connect", bytes: closeHeaders },
  "frames of other sessions before hello": repeated("connect", () => ({ session: 77, type: frameType.stdout })),
  "zeros after hello": { after: "hello", bytes: () => Buffer.alloc(chunkBytes) },
  "wrong checksums": { after: "hello", bytes: closeHeaders },
  "frames of another session": repeated("hello", () => ({ session: 77, type: frameType.stdout })),
  hellos: repeated("hello", () => ({ type: frameType.hello, payload: Buffer.alloc(18) })),
  starts: repeated("hello", () => ({ session: 0, type: frameType.started, payload: Buffer.alloc(2) })),
  timelines: repeated("hello", () => ({ type: frameType.timeline, payload: Buffer.alloc(1_000, 1) })),
  "answers that nobody asked for": repeated("hello", () => ({ type: frameType.pong, payload: Buffer.alloc(16) })),
  "settings of the clock": repeated("hello", () => ({ type: frameType.timeSet, payload: Buffer.alloc(9) })),
  "ends of commands that there never were": repeated("hello", () => ({
    stream: 999,
    type: frameType.exit,
    payload: Buffer.alloc(5),
  })),
  "output of commands that there never were": repeated("hello", () => ({
    stream: 999,
    type: frameType.stdout,
    payload: Buffer.alloc(16_384),
  })),
  "empty output": repeated("exec", (_, stream) => ({ stream, type: frameType.stdout })),
  "output of one byte": repeated("exec", (_, stream) => ({ stream, type: frameType.stdout, payload: Buffer.alloc(1) })),
  "credit of nothing": repeated("exec", (_, stream) => ({
    stream,
    type: frameType.stdinCredit,
    payload: Buffer.alloc(4),
  })),
  "credit without end": repeated("exec", (_, stream) => ({
    stream,
    type: frameType.stdinCredit,
    payload: Buffer.alloc(4, 0xff),
  })),
  "ends of a command that has ended": repeated("exec", (_, stream) => ({
    stream,
    type: frameType.exit,
    payload: Buffer.alloc(5),
  })),
} satisfies Record<string, Flood>;

/** The name of a flood. */
export type FloodName = keyof typeof floods;

function serve(socket: Socket, { after, bytes }: Flood): void {
  const decoder = new AgentFrameDecoder();
  let flood: Buffer | undefined;
  const pour = () => {
    while (flood !== undefined && socket.writable && socket.write(flood));
  };
  const begin = (session: number, stream: number) => {
    if (flood !== undefined) return;
    flood = bytes(session, stream);
    socket.on("drain", pour);
    pour();
  };
  socket.on("error", () => undefined);
  if (after === "connect") begin(0, 0);
  socket.on("data", (chunk: Buffer) => {
    if (after === "connect") return;
    for (const { session, stream, type, payload } of decoder.push(chunk)) {
      const answer = (of: number, text: Buffer) => socket.write(frame({ session, type: of, payload: text }));
      if (type === frameType.attach) {
        answer(frameType.hello, payload);
        answer(frameType.timeline, Buffer.alloc(0));
        if (after === "hello") setTimeout(() => begin(session, 0), 50);
      } else if (type === frameType.ping) answer(frameType.pong, Buffer.concat([payload, Buffer.alloc(8)]));
      else if (type === frameType.time) answer(frameType.timeSet, Buffer.alloc(9));
      else if (type === frameType.credit && after === "exec") begin(session, stream);
    }
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const listening = Object.entries(floods).map(async ([name, flood]) => {
    const server = createServer((socket) => serve(socket, flood));
    await once(server.listen(join(process.argv[2] ?? "", name)), "listening");
  });
  await Promise.all(listening);
  process.stdout.write("ready\n");
}
