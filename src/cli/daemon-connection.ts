import { InstallFileError } from "../installation/install-file-error.ts";
import { type Layout, layoutOf } from "../installation/layout.ts";
import { readInstallFile } from "../installation/read-install-file.ts";
import { type CallOptions, RpcClient } from "../rpc/client.ts";
import type { declaredContract } from "../rpc/contract/daemon.ts";
import { BangerError } from "../rpc/contract/errors.ts";
import type { Method } from "../rpc/contract/method.ts";
import type { OperationStatus } from "../rpc/contract/operation.ts";
import type { SpanRecord } from "../telemetry/span-record.ts";
import type { Spans } from "../telemetry/spans.ts";
import type { Input, MethodKey, Result } from "./command.ts";
import { methods } from "./generated/methods.ts";
import { lockHolder } from "./lock-holder.ts";

/** A daemon that is silent for so long while something is awaited is asked, and then given up. */
const keepAlive = { method: methods.ping.name, afterMs: 5_000, withinMs: 10_000 };
/** The outcome is known by then; only its trace would lack the outermost span. */
const submitMs = 1_000;

/** The CLI's connection to the daemon of an installation. */
export class DaemonConnection {
  readonly #client: RpcClient;

  private constructor(client: RpcClient) {
    this.#client = client;
  }

  /** Connects to the daemon whose install file is at `config`. */
  static async open(config: string, spans?: Spans): Promise<DaemonConnection> {
    const { daemonSocket: path, daemonLock } = layoutAt(config);
    const client = RpcClient.connect({ path, spans, unavailable: "daemon_unavailable", peer: "the daemon", keepAlive });
    return new DaemonConnection(
      await client.catch((error: unknown) => {
        throw withoutSocket(error, daemonLock);
      }),
    );
  }

  call<K extends MethodKey>(key: K, params: Input<K>, options: CallOptions): Promise<Result<K>> {
    // The client reads a method's name and whether it is traced; its schemas stay with the daemon, which checks with them.
    const method = methods[key] as unknown as (typeof declaredContract)[K];
    return this.#client.call(method, params as never, options) as Promise<Result<K>>;
  }

  /** Begins what the method does, and leaves it to itself. */
  begin<K extends MethodKey>(key: K, params: Input<K>, options: CallOptions): Promise<OperationStatus> {
    const { name, ...declared } = methods[key];
    const method = { ...declared, name: `${name}.begin` } as unknown as Method;
    return this.#client.call(method, params as never, options) as Promise<OperationStatus>;
  }

  /** Hands over this process's own spans, and leaves. False when they could not be handed over. */
  async close(spans: readonly SpanRecord[]): Promise<boolean> {
    try {
      if (spans.length === 0) return true;
      if (!this.#client.connected) return false;
      await this.call("traceSubmit", { spans: [...spans] }, { deadlineMs: submitMs, graceMs: 0 });
      return true;
    } catch (error) {
      // The command's own outcome stands: a trace without its outermost span is still a trace.
      if (!(error instanceof BangerError)) throw error;
      return false;
    } finally {
      this.#client.close();
    }
  }
}

/** The error of a connection; where a daemon runs and only its socket is gone, starting another would be refused. */
function withoutSocket(error: unknown, lock: string): unknown {
  if (!(error instanceof BangerError) || (error.cause as NodeJS.ErrnoException | undefined)?.code !== "ENOENT")
    return error;
  const pid = lockHolder(lock);
  if (pid === undefined) return error;
  const hint = `A bangerd runs (pid ${pid}), but its socket was removed: \`kill ${pid}\`, then start it again; VMs run on.`;
  return new BangerError(error.code, error.plain, { cause: error, details: { pid, hint } });
}

/** The layout of the installation whose install file is at `config`. */
export function layoutAt(config: string): Layout {
  try {
    return layoutOf(readInstallFile(config));
  } catch (cause) {
    if (!(cause instanceof InstallFileError)) throw cause;
    const { code = "" } = (cause.cause as { cause?: NodeJS.ErrnoException } | undefined)?.cause ?? {};
    // Without a file there is no installation, and so no daemon.
    throw new BangerError(code === "ENOENT" ? "daemon_unavailable" : "bad_content", cause.message, {
      cause,
      details: { hint: "Name an installation with --config or $BANGER_CONFIG, or mend its file as root." },
    });
  }
}
