import { createConnection } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { Warning } from "../../rpc/contract/warning.ts";

/** Which ssh server to wait for, and until when. */
export interface AwaitSshOptions {
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Resolves when the VM is gone. */
  readonly gone: Promise<unknown>;
  /** What is done about a server that is late. */
  readonly late?: Late;
}

/** What explains that a server doesn't answer. */
interface Late {
  /** What of this host's lies between it and the server. */
  readonly inTheWay: () => Promise<readonly Warning[]>;
  /** Hears of it as soon as the server is late. */
  readonly tell: (text: string) => void;
  readonly afterMs?: number;
}

const retryMs = 200;
/** One try: a guest that drops packets while it boots doesn't hold up the next one. */
const tryMs = 2_000;
const defaultLateMs = 5_000;

/** Resolves when an ssh server greets (RFC 4253, 4.2). */
export async function awaitSsh(options: AwaitSshOptions): Promise<void> {
  if (options.late === undefined) return untilGreeted(options);
  const { inTheWay, tell, afterMs = defaultLateMs } = options.late;
  let over = false;
  const late = setTimeout(() => {
    void inTheWay().then(([first]) => first === undefined || over || tell(first.message));
  }, afterMs);
  try {
    await untilGreeted(options);
  } catch (error) {
    if (!(error instanceof BangerError) || error.code !== "deadline_exceeded") throw error;
    const [first] = await inTheWay();
    if (first === undefined) throw error;
    const { message, hint } = first;
    throw new BangerError(error.code, `${error.plain}: ${message}`, { cause: error, details: { hint } });
  } finally {
    over = true;
    clearTimeout(late);
  }
}

async function untilGreeted({ host, port, timeoutMs, signal, gone }: AwaitSshOptions): Promise<void> {
  const died = new AbortController();
  void gone.then(() => died.abort(new BangerError("guest_died", "the VM ended before its ssh server answered")));
  const late = AbortSignal.timeout(timeoutMs);
  const over = AbortSignal.any([signal, died.signal, late]);
  for (;;) {
    if (await greets(host, port, over)) return;
    signal.throwIfAborted();
    died.signal.throwIfAborted();
    if (late.aborted) {
      throw new BangerError(
        "deadline_exceeded",
        `no ssh server answered at ${host}:${port} within ${timeoutMs / 1000} s`,
      );
    }
    await delay(retryMs, undefined, { signal: over }).catch(() => undefined);
  }
}

function greets(host: string, port: number, over: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port });
    const end = (greeted: boolean) => {
      over.removeEventListener("abort", abort);
      socket.destroy();
      resolve(greeted);
    };
    const abort = () => end(false);
    over.addEventListener("abort", abort);
    socket.setTimeout(tryMs, abort);
    socket.once("error", abort);
    socket.once("close", abort);
    socket.once("data", (bytes: Buffer) => end(bytes.subarray(0, 4).toString("latin1") === "SSH-"));
  });
}
