import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { connect, isIPv6 } from "node:net";
import { framed, Unframer } from "./stream.ts";
import { isAnswer, withId } from "./message.ts";

/** A name server. */
export interface Server {
  readonly address: string;
  readonly port: number;
}

/** Asks one server once; what comes back has an id of its own. It ends with the signal at the latest. */
export type Ask = (server: Server, question: Buffer, signal: AbortSignal) => Promise<Buffer>;

/** By UDP, from a port and with an id that nobody can foresee; the kernel passes what comes from this server alone. */
export const askByDatagram: Ask = (server, question, signal) =>
  new Promise((resolve, reject) => {
    const id = randomInt(65_536);
    const socket = createSocket(isIPv6(server.address) ? "udp6" : "udp4");
    const leave = () => end(() => reject(new Error("given up")));
    const end = (settle: () => void) => {
      signal.removeEventListener("abort", leave);
      socket.removeAllListeners();
      // What still goes wrong with a socket that is left is nobody's business.
      socket.on("error", () => undefined);
      socket.close();
      settle();
    };
    if (signal.aborted) return leave();
    signal.addEventListener("abort", leave, { once: true });
    socket.on("error", (error) => end(() => reject(error)));
    socket.on("message", (answer) => {
      if (isAnswer(answer, id)) end(() => resolve(answer));
    });
    socket.on("connect", () => {
      socket.send(withId(question, id), (error) => {
        if (error) end(() => reject(error));
      });
    });
    socket.connect(server.port, server.address);
  });

/** By TCP: what doesn't fit into a datagram. */
export const askByStream: Ask = (server, question, signal) =>
  new Promise((resolve, reject) => {
    const id = randomInt(65_536);
    const answers = new Unframer(65_535);
    const socket = connect({ host: server.address, port: server.port, signal });
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("closed without an answer")));
    socket.on("connect", () => socket.write(framed(withId(question, id))));
    socket.on("data", (bytes: Buffer) => {
      const answer = answers.push(bytes)[0];
      if (answer === undefined) return;
      socket.destroy();
      if (isAnswer(answer, id)) resolve(answer);
      else reject(new Error("an answer to something else"));
    });
  });
