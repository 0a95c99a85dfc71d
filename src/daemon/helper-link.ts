import { setTimeout as delay } from "node:timers/promises";
import { type CallOptions, RpcClient } from "../rpc/client.ts";
import { BangerError } from "../rpc/contract/errors.ts";
import { helperContract } from "../rpc/contract/helper.ts";
import type { InputOf, Method, ResultOf } from "../rpc/contract/method.ts";
import { acceptSpans } from "../rpc/foreign-spans.ts";
import type { Logger } from "../telemetry/log.ts";
import { services } from "../telemetry/names.ts";
import type { Spans } from "../telemetry/spans.ts";

/** What the link needs. */
export interface HelperLinkDeps {
  readonly path: string;
  readonly spans: Spans;
  readonly log: Logger;
}

/** Asks the root helper. */
export interface HelperLink {
  call<M extends Method>(method: M, params: InputOf<M>, options?: CallOptions): Promise<ResultOf<M>>;
  /** True when a connection stands. */
  readonly connected: boolean;
  /** Calls `listener` each time that the helper has become reachable, and looks for it until then. */
  onReachable(listener: () => Promise<void>): void;
  close(): void;
}

/** How long a helper operation may take; each completes or undoes itself well within. */
const callDeadlineMs = 30_000;
const firstRetryMs = 100;
const lastRetryMs = 2_000;

/** Makes the daemon's one connection to its helper; it comes back by itself when the helper does. */
export function createHelperLink(deps: HelperLinkDeps): HelperLink {
  const closing = new AbortController();
  const listeners: (() => Promise<void>)[] = [];
  let connecting: Promise<RpcClient> | undefined;
  let client: RpcClient | undefined;
  let seeking = false;

  function connect(): Promise<RpcClient> {
    if (client?.connected) return Promise.resolve(client);
    connecting ??= RpcClient.connect({
      ...deps,
      unavailable: "helper_unavailable",
      acceptSpans: acceptSpans(services.helper),
    })
      .then(async (connected) => {
        await connected.call(helperContract.ping, {});
        client = connected;
        void connected.closed.then(seek);
        return connected;
      })
      .finally(() => {
        connecting = undefined;
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
    get connected() {
      return client?.connected === true;
    },
    call: async (method, params, options = {}) => {
      const helper = await connect();
      try {
        return await helper.call(method, params, { deadlineMs: callDeadlineMs, ...options });
      } catch (error) {
        if (!(error instanceof BangerError) || error.code !== "disconnected") throw error;
        throw new BangerError("helper_unavailable", `the helper went away during ${method.name}`, { cause: error });
      }
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
