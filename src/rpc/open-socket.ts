import { createConnection, type Socket } from "node:net";
import { BangerError, type ErrorCode } from "./contract/errors.ts";

/** Which socket, and how long to try. */
export interface SocketOptions {
  readonly path: string;
  /** The code for a socket on which nobody listens, or nobody answers. */
  readonly unavailable: ErrorCode;
  /** How long connecting may take: 5 s by default. */
  readonly connectMs?: number;
}

const defaultConnectMs = 5_000;
/** A full backlog is tried again so often. */
const backlogRetryMs = 50;

/** Connects to a unix socket, or fails with the code given as `unavailable`. */
export async function openSocket({ path, unavailable, connectMs = defaultConnectMs }: SocketOptions): Promise<Socket> {
  // Monotonic as performance.now() is, which costs the CLI a millisecond to load.
  const giveUpAt = process.uptime() + connectMs / 1000;
  for (;;) {
    try {
      return await open(path);
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException;
      // A peer that accepts nobody has a full backlog; any other failure is final.
      if (code !== "EAGAIN") {
        const text = `can't connect to ${path}: ${code ?? message}`;
        throw new BangerError(code === "EACCES" ? "not_owner" : unavailable, text, { cause });
      }
      if (process.uptime() >= giveUpAt) {
        const text = `nobody takes connections on ${path} (tried for ${connectMs / 1000} s)`;
        throw new BangerError(unavailable, text, { cause });
      }
      await new Promise((resolve) => {
        setTimeout(resolve, backlogRetryMs);
      });
    }
  }
}

function open(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path);
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve(socket);
    });
  });
}
