import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";

/** What a scripted server does with a question: its answers, one after the other; none at all is silence. */
export type Manner = (question: Buffer, transport: "udp" | "tcp") => readonly Buffer[] | Promise<readonly Buffer[]>;

/** A name server on loopback, by UDP and TCP, that behaves as a test says; it keeps what it was asked. */
export async function scriptedNameServer(manner: Manner) {
  const asked: { question: Buffer; port: number; transport: "udp" | "tcp" }[] = [];
  let closed = false;
  const { port, datagrams, streams } = await onOnePort();
  streams.on("connection", (socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (bytes: Buffer) => {
      const question = bytes.subarray(2);
      asked.push({ question, port: socket.remotePort ?? 0, transport: "tcp" });
      void Promise.resolve(manner(question, "tcp")).then((answers) => {
        for (const answer of answers)
          socket.write(Buffer.concat([Buffer.from([answer.length >> 8, answer.length & 255]), answer]));
      });
    });
  });
  datagrams.on("message", (question, from) => {
    asked.push({ question, port: from.port, transport: "udp" });
    void Promise.resolve(manner(question, "udp")).then((answers) => {
      if (closed) return;
      for (const answer of answers) datagrams.send(answer, from.port, from.address);
    });
  });
  return {
    server: { address: "127.0.0.1", port },
    asked,
    [Symbol.asyncDispose]: async () => {
      closed = true;
      datagrams.close();
      streams.close();
    },
  };
}

/** Both listen at one port: what is free by UDP may be taken by TCP, so several are tried. */
async function onOnePort() {
  for (let attempt = 1; ; attempt++) {
    const [datagrams, streams] = [createSocket("udp4"), createServer()];
    datagrams.bind(0, "127.0.0.1");
    await once(datagrams, "listening");
    const { port } = datagrams.address();
    try {
      await once(streams.listen(port, "127.0.0.1"), "listening");
      return { port, datagrams, streams };
    } catch (error) {
      datagrams.close();
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE" || attempt === 10) throw error;
    }
  }
}

/** A question for the addresses of `name`. */
export function question(name: string, id = 0x1234): Buffer {
  const header = Buffer.from([id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  const labels = name.split(".").map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  return Buffer.concat([header, ...labels, Buffer.from([0, 0, 1, 0, 1])]);
}

/** An answer to it, with an address of 192.0.2.`last`. */
export function answerTo(
  asked: Buffer,
  { last = 1, rcode = 0, flags = 0x80 }: { last?: number; rcode?: number; flags?: number } = {},
): Buffer {
  const answer = Buffer.concat([asked, Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, last])]);
  answer[2] = (answer[2] ?? 0) | flags;
  answer[3] = 0x80 | rcode;
  answer.writeUInt16BE(1, 6);
  return answer;
}
