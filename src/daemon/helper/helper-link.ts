import { setTimeout as delay } from "node:timers/promises";
import { type CallOptions, type ClientDeps, RpcClient } from "../../rpc/client.ts";
import { BangerError, type ErrorCode } from "../../rpc/contract/errors.ts";
import { helperContract } from "../../rpc/contract/helper.ts";
import type { InputOf, Method, ResultOf } from "../../rpc/contract/method.ts";
import { acceptSpans } from "../../rpc/foreign-spans.ts";
import type { Logger } from "../../telemetry/log.ts";
import { services } from "../../telemetry/names.ts";
import type { Spans } from "../../telemetry/spans.ts";

/** What the link needs. */
export interface HelperLinkDeps {
  readonly path: string;
  readonly spans: Spans;
  readonly log: Logger;
  /** Gets what the helper logged of an operation. */
  readonly takeRecords?: ClientDeps["takeRecords"];
}

/** Asks the root helper. */
export interface HelperLink {
  call<M extends Method>(method: M, params: InputOf<M>, options?: CallOptions): Promise<ResultOf<M>>;
  /** What the helper said of itself; undefined while no connection stands. */
  readonly peer: HelperPeer | undefined;
  /** Resolves when it was tried to reach it, however that went. */
  readonly tried: Promise<void>;
  /** Why it doesn't answer now; undefined when it does. Asked of a connection that stands, and not for long. */
  whyAway(): Promise<Away | undefined>;
  /** Fails soon where it doesn't answer: whoever needs it for several questions waits once. */
  mustAnswer(): Promise<void>;
  /** Calls `listener` each time that the helper has become reachable, and looks for it until then. */
  onReachable(listener: () => Promise<void>): void;
  /** For good: nothing is called any more, and nothing is looked for. */
  close(): void;
}

/** That the helper doesn't answer. */
export interface Away {
  readonly why: string;
  /** The next step, where it isn't to start it. */
  readonly hint?: string;
}

/** What a helper says of itself. */
export interface HelperPeer {
  readonly version: string;
  /** 1 when it says none: First light's. */
  readonly protocol: number;
}

/** How long a helper operation may take; each completes or undoes itself well within. */
const callDeadlineMs = 20_000;
/** A helper that accepts and doesn't answer is not reachable. */
const greetingDeadlineMs = 5_000;
/** Whoever asks only whether it answers doesn't wait longer. */
const answerDeadlineMs = 1_000;
const firstRetryMs = 100;
const lastRetryMs = 2_000;

/** Makes the daemon's one connection to its helper; it comes back by itself when the helper does, until it is closed. */
export function createHelperLink(deps: HelperLinkDeps): HelperLink {
  const closing = new AbortController();
  const listeners: (() => Promise<void>)[] = [];
  let connecting: Promise<RpcClient> | undefined;
  let client: RpcClient | undefined;
  let peer: HelperPeer | undefined;
  let seeking = false;
  const tried = Promise.withResolvers<void>();
  /** Why the last try to connect failed. */
  let refusal: Away = { why: "it was not connected to yet" };
  let answering: Promise<void> | undefined;

  function connect(): Promise<RpcClient> {
    if (closing.signal.aborted) return Promise.reject(closed());
    if (client?.connected) return Promise.resolve(client);
    connecting ??= greet(deps)
      .then(({ connected, said }) => {
        if (closing.signal.aborted) {
          connected.close();
          throw closed();
        }
        client = connected;
        peer = said;
        void connected.closed.then(() => {
          if (client === connected) peer = undefined;
          return seek();
        });
        return connected;
      })
      .catch((error: unknown) => {
        refusal = awayBy(error);
        throw error;
      })
      .finally(() => {
        connecting = undefined;
        tried.resolve();
      });
    return connecting;
  }

  /** Looks for the helper until it answers, then tells the listeners. */
  async function seek(): Promise<void> {
    if (seeking || listeners.length === 0) return;
    seeking = true;
    for (let waitMs = firstRetryMs; !closing.signal.aborted; waitMs = Math.min(waitMs * 2, lastRetryMs)) {
      try {
        await connect();
        break;
      } catch (error) {
        deps.log.debug({ err: error }, "helper not reachable");
        await delay(waitMs, undefined, { ref: false, signal: closing.signal }).catch(() => undefined);
      }
    }
    seeking = false;
    if (closing.signal.aborted) return;
    for (const listener of listeners) {
      await listener().catch((error: unknown) => deps.log.error({ err: error }, "reconciling failed"));
    }
  }

  return {
    get peer() {
      return client?.connected === true ? peer : undefined;
    },
    tried: tried.promise,
    call: async (method, params, options = {}) => {
      const helper = await connect();
      try {
        return await helper.call(method, params, { deadlineMs: callDeadlineMs, ...options });
      } catch (error) {
        const how = error instanceof BangerError ? gone[error.code] : undefined;
        if (how === undefined) throw error;
        const details = (error as BangerError).code === "deadline_exceeded" ? { hint: silentHint } : {};
        throw new BangerError("helper_unavailable", `the helper ${how} ${method.name}`, { cause: error, details });
      }
    },
    whyAway: async () => {
      if (client?.connected !== true) return refusal;
      const asked = client.call(helperContract.ping, {}, { deadlineMs: answerDeadlineMs });
      return asked.then(
        () => undefined,
        () => ({ why: "it takes connections and doesn't answer", hint: silentHint }),
      );
    },
    mustAnswer: () => {
      answering ??= connect()
        .then((helper) => mustAnswer(helper, answerDeadlineMs))
        .then(() => undefined)
        .finally(() => (answering = undefined));
      return answering;
    },
    onReachable: (listener) => {
      listeners.push(listener);
      void seek();
    },
    close: () => {
      closing.abort();
      client?.close();
    },
  };
}

/** The next step where a helper is there and silent; starting another would be refused. */
const silentHint =
  "It is stopped or stuck. Restart it as root: `systemctl restart bangerd-root` where systemd runs it, else `kill -KILL` its process and start `bangerd-root`; VMs run on.";

/** What a call comes to that a helper doesn't answer: it bounds its own work, so one that is late is stopped, or stuck. */
const gone: Partial<Record<ErrorCode, string>> = {
  disconnected: "went away during",
  deadline_exceeded: "does not answer; it was asked for",
};

/** Connects and hears what the helper is. */
async function greet(deps: HelperLinkDeps): Promise<{ connected: RpcClient; said: HelperPeer }> {
  const connected = await RpcClient.connect({
    ...deps,
    unavailable: "helper_unavailable",
    acceptSpans: acceptSpans(services.helper),
  });
  try {
    const { version, protocol } = await mustAnswer(connected, greetingDeadlineMs);
    return { connected, said: { version, protocol: protocol ?? 1 } };
  } catch (error) {
    connected.close();
    throw error;
  }
}

async function mustAnswer(helper: RpcClient, deadlineMs: number) {
  try {
    return await helper.call(helperContract.ping, {}, { deadlineMs });
  } catch (cause) {
    const details = { hint: silentHint };
    throw new BangerError("helper_unavailable", "the helper takes connections and doesn't answer", { cause, details });
  }
}

function awayBy(error: unknown): Away {
  if (!(error instanceof BangerError)) return { why: String(error) };
  const hint = error.details?.["hint"];
  return { why: error.plain, ...(typeof hint === "string" ? { hint } : {}) };
}

function closed(): BangerError {
  return new BangerError("helper_unavailable", "the daemon is ending: it asks the helper nothing any more");
}
