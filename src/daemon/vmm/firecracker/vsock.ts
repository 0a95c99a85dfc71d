import type { Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { BangerError } from "../../../rpc/contract/errors.ts";

/** The port on which a guest's agent listens. */
export const agentPort = 5_000;

/** `OK` and a port's number have less. */
const maxAnswer = 32;
/** A guest whose agent doesn't listen yet refuses at once: it is asked again so often, until so long after the first time. */
const againMs = { after: 10, within: 2_000 };

/**
 * Connects to a port of the guest's: what Firecracker's socket takes once it was told the port (docs/vsock.md). Before the guest
 * has loaded its driver the answer waits, and costs nothing.
 */
export async function connectVsock(
  open: (signal: AbortSignal) => Promise<Socket>,
  port: number,
  signal: AbortSignal,
): Promise<Socket> {
  for (let began: number | undefined; ; ) {
    const socket = await open(signal);
    const answer = await asked(socket, port, signal);
    if (answer === "connected") return socket;
    began ??= performance.now();
    if (performance.now() - began > againMs.within)
      throw new BangerError("guest_died", `nothing listens on port ${port} of the guest`);
    await delay(againMs.after, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

/** Asks for a port on a connection that was just opened; leaves what comes after the answer in it. */
async function asked(socket: Socket, port: number, signal: AbortSignal): Promise<"connected" | "refused"> {
  const answer = Promise.withResolvers<"connected" | "refused">();
  let said = Buffer.alloc(0);
  const take = () => {
    said = Buffer.concat([said, (socket.read() as Buffer | null) ?? Buffer.alloc(0)]);
    const end = said.indexOf("\n");
    if (end === -1 && said.length <= maxAnswer) return;
    // What is given back would come here again, at once and without end.
    socket.off("readable", take);
    if (!/^OK \d+$/.test(said.toString("latin1", 0, Math.max(end, 0)))) return answer.reject(odd());
    socket.unshift(said.subarray(end + 1));
    answer.resolve("connected");
  };
  const closed = () => answer.resolve("refused");
  const abort = () => answer.reject(signal.reason as Error);
  signal.addEventListener("abort", abort, { once: true });
  socket.on("readable", take).on("close", closed);
  socket.write(`CONNECT ${port}\n`);
  try {
    return await answer.promise;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
    socket.off("readable", take).off("close", closed);
  }
}

function odd(): BangerError {
  return new BangerError("guest_died", "the VMM sent what is no answer on its vsock's socket");
}
