import { once } from "node:events";
import { createConnection } from "node:net";
import type { Duplex } from "node:stream";
import { BangerError } from "../../rpc/contract/errors.ts";

/** Connects to the socket on which a VMM has its guest's agent. */
export async function openAgentSocket(path: string, signal: AbortSignal): Promise<Duplex> {
  signal.throwIfAborted();
  const socket = createConnection(path);
  try {
    await once(socket, "connect", { signal });
    return socket;
  } catch (cause) {
    socket.destroy();
    signal.throwIfAborted();
    throw new BangerError("guest_died", "the connection to the guest's agent was lost", { cause });
  }
}
