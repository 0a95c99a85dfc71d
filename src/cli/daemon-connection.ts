import type { Installation } from "../installation/install-file.ts";
import { InstallFileError } from "../installation/install-file-error.ts";
import { type Layout, layoutOf } from "../installation/layout.ts";
import { readInstallFile } from "../installation/read-install-file.ts";
import { type CallOptions, RpcClient } from "../rpc/client.ts";
import { BangerError } from "../rpc/contract/errors.ts";
import type { Method } from "../rpc/contract/method.ts";
import type { OperationStatus } from "../rpc/contract/operation.ts";
import type { LogFields } from "../telemetry/log-fields.ts";
import type { SpanRecord } from "../telemetry/span-record.ts";
import type { Spans } from "../telemetry/spans.ts";
import type { Input, MethodKey, Result } from "./command.ts";
import { methods } from "./generated/methods.ts";
import { type Hung, hungDaemonHint } from "./hung-daemon.ts";
import { saysHowToStart } from "./how-to-start.ts";
import { lockHolder } from "../installation/lock-holder.ts";

/** A daemon that is silent for so long while something is awaited is asked, and then given up. */
const keepAlive = { method: methods.ping.name, afterMs: 5_000, withinMs: 10_000 };
/** The outcome is known by then; only its trace would lack the outermost span. */
const submitMs = 1_000;

/** The CLI's connection to the daemon of an installation. */
export class DaemonConnection {
  readonly #client: RpcClient;
  readonly #installation: Installation;

  private constructor(client: RpcClient, installation: Installation) {
    this.#client = client;
    this.#installation = installation;
  }

  /** Connects to the daemon whose install file is at `config`. */
  static async open(config: string, spans?: Spans): Promise<DaemonConnection> {
    const installation = installationAt(config);
    const { daemonSocket: path, daemonLock } = layoutOf(installation);
    const client = RpcClient.connect({ path, spans, unavailable: "daemon_unavailable", peer: "the daemon", keepAlive });
    return new DaemonConnection(
      await client.catch((error: unknown) => {
        throw saysHowToStart(withoutSocket(error, daemonLock), installation);
      }),
      installation,
    );
  }

  call<K extends MethodKey>(key: K, params: Input<K>, options: CallOptions): Promise<Result<K>> {
    // The client reads a method's name and whether it is traced; its schemas stay with the daemon, which checks with them.
    const method = methods[key] as unknown as Method;
    return this.#ask(method, params, options, method.traced ? "operation" : "poll") as Promise<Result<K>>;
  }

  /** Begins what the method does, and leaves it to itself. */
  begin<K extends MethodKey>(key: K, params: Input<K>, options: CallOptions): Promise<OperationStatus> {
    const { name, ...declared } = methods[key];
    const method = { ...declared, name: `${name}.begin` } as unknown as Method;
    return this.#ask(method, params, options, "outlives") as Promise<OperationStatus>;
  }

  async #ask(method: Method, params: unknown, options: CallOptions, asked: Hung["asked"]): Promise<unknown> {
    const over = new AbortController();
    // Who has a deadline, or a daemon that is there, waits for no other.
    const isWatched = this.#installation.installed !== undefined && options.deadlineMs === undefined;
    if (isWatched && !this.#client.heard) void this.#giveUpWhereItFails(over.signal);
    try {
      return await this.#client.call(method, params as never, options);
    } catch (error) {
      throw saysHowToStart(ofHung(error, this.#installation, asked), this.#installation);
    } finally {
      over.abort();
    }
  }

  /** Where systemd runs the daemon, a connection waits in its socket while it can't be started. */
  async #giveUpWhereItFails(over: AbortSignal): Promise<void> {
    const ask = () => void this.#client.call(methods.ping as unknown as Method, {} as never).catch(() => undefined);
    try {
      const { whyItIsSilent } = await import("./silent-daemon.ts");
      const why = await whyItIsSilent({ heard: () => this.#client.heard, ask, over });
      if (why !== undefined && !over.aborted) this.#client.abandon(why);
    } catch {
      // Without a systemd to ask, the keep-alive still bounds the wait.
    }
  }

  /** Hands over this process's own spans and what it logged, and leaves. False when they could not be handed over. */
  async close(spans: readonly SpanRecord[], records: readonly LogFields[] = []): Promise<boolean> {
    try {
      if (spans.length === 0) return true;
      if (!this.#client.connected) return false;
      await this.call(
        "traceSubmit",
        { spans: [...spans], records: [...records] },
        { deadlineMs: submitMs, graceMs: 0 },
      );
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

/** The error; where it is that of a daemon which is there and was given up, with what to do about that. */
function ofHung(error: unknown, installation: Installation, asked: Hung["asked"]): unknown {
  if (!(error instanceof BangerError) || error.details?.["silent_ms"] === undefined) return error;
  const pid = lockHolder(layoutOf(installation).daemonLock);
  const hint = hungDaemonHint({ pid, installed: installation.installed !== undefined, asked });
  return new BangerError(error.code, error.plain, { cause: error, details: { ...error.details, hint } });
}

/** The layout of the installation whose install file is at `config`. */
export function layoutAt(config: string): Layout {
  return layoutOf(installationAt(config));
}

function installationAt(config: string): Installation {
  try {
    return readInstallFile(config);
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
