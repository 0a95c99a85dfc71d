import { mkdtempSync, rmSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { z } from "zod";
import { type ClientDeps, RpcClient } from "../../src/rpc/client.ts";
import { BangerError } from "../../src/rpc/contract/errors.ts";
import { method } from "../../src/rpc/contract/method.ts";
import { createDispatch, type Handlers, type Outcome } from "../../src/rpc/dispatch.ts";
import { acceptSpans } from "../../src/rpc/foreign-spans.ts";
import { createPeerCredentials, type PeerCredentials } from "../../src/rpc/peer-credentials.ts";
import { listen } from "../../src/rpc/server.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import type { SpanRecord } from "../../src/telemetry/span-record.ts";
import { Spans } from "../../src/telemetry/spans.ts";
import { startTracer } from "../../src/telemetry/tracer.ts";

/** A contract with one method for each thing that a request can do. */
export const contract = {
  echo: method({
    name: "test.echo",
    summary: "Answers what it was sent.",
    params: z.object({ text: z.string().max(100) }),
    result: z.object({ text: z.string() }),
    errors: [],
  }),
  fail: method({
    name: "test.fail",
    summary: "Fails.",
    params: z.object({}),
    result: z.object({}),
    errors: ["not_found"],
  }),
  lie: method({
    name: "test.lie",
    summary: "Breaks its declaration.",
    params: z.object({}),
    result: z.object({ n: z.number() }),
    errors: [],
  }),
  wait: method({
    name: "test.wait",
    summary: "Waits to be cancelled.",
    params: z.object({}),
    result: z.object({}),
    errors: [],
  }),
  count: method({
    name: "test.count",
    summary: "Counts its input.",
    params: z.object({}),
    result: z.object({ bytes: z.number() }),
    errors: [],
  }),
  flood: method({
    name: "test.flood",
    summary: "Sends events.",
    params: z.object({ events: z.int() }),
    result: z.object({ sent: z.number() }),
    errors: [],
  }),
  large: method({
    name: "test.large",
    summary: "Answers more than a frame holds.",
    params: z.object({}),
    result: z.object({ text: z.string() }),
    errors: [],
  }),
  shout: method({
    name: "test.shout",
    summary: "Sends events and waits for nobody to take them.",
    params: z.object({ events: z.int() }),
    result: z.object({}),
    errors: [],
  }),
  sized: method({
    name: "test.sized",
    summary: "Takes signals once its input has ended, and answers those that it has then.",
    params: z.object({}),
    result: z.object({ told: z.array(z.unknown()) }),
    errors: [],
  }),
  undo: method({
    name: "test.undo",
    summary: "Sends events until it is cancelled, and one more for what it undid.",
    params: z.object({}),
    result: z.object({}),
    errors: [],
  }),
  ping: method({
    name: "test.ping",
    summary: "A poll.",
    params: z.object({}),
    result: z.object({}),
    errors: [],
    traced: false,
  }),
};

const handlers: Handlers<typeof contract> = {
  echo: async ({ text }) => ({ text }),
  fail: async () => {
    throw new BangerError("not_found", "no such thing");
  },
  lie: async () => ({ n: "seven" }) as never,
  wait: (_, { signal }) =>
    new Promise((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason as Error));
    }),
  count: async (_, { input }) => {
    let bytes = 0;
    for await (const chunk of input) bytes += chunk.length;
    return { bytes };
  },
  flood: async ({ events }, { emit }) => {
    for (let n = 0; n < events; n++) await emit("tick", n);
    return { sent: events };
  },
  large: async () => ({ text: "x".repeat(1_100_000) }),
  shout: async ({ events }, { emit }) => {
    for (let n = 0; n < events; n++) void emit("filler", "x".repeat(60_000));
    return {};
  },
  sized: async (_, { input, signal, takeSignals }) => {
    for await (const _chunk of input);
    signal.throwIfAborted();
    const told: unknown[] = [];
    takeSignals?.((...what) => told.push(what));
    return { told };
  },
  undo: async (_, { signal, emit }) => {
    while (!signal.aborted) await emit("filler", "x".repeat(60_000));
    await emit("undone");
    throw signal.reason as Error;
  },
  ping: async () => ({}),
};

/** A server and what it did, on a socket of its own. */
export interface RpcPair extends AsyncDisposable {
  readonly spans: Spans;
  /** Spans of this process that nobody else collected. */
  readonly stray: SpanRecord[];
  /** Spans that the server kept. */
  readonly kept: SpanRecord[];
  readonly outcomes: Outcome[];
  readonly logged: Record<string, unknown>[];
  readonly path: string;
  connect(more?: Partial<ClientDeps>): Promise<RpcClient>;
  raw(): Promise<RawPeer>;
}

/** A peer that writes bytes and reads lines. */
export interface RawPeer {
  readonly socket: Socket;
  next(): Promise<Record<string, unknown>>;
}

const stray: SpanRecord[] = [];
const spans = new Spans(startTracer("test", (span) => stray.push(span)));

/** Starts a server of the test contract. */
export async function rpcPair(
  options: { keep?: boolean; mode?: number; authorize?: (peer: PeerCredentials | undefined) => boolean } = {},
): Promise<RpcPair> {
  const directory = mkdtempSync(join(tmpdir(), "banger-rpc-"));
  const path = join(directory, "s.sock");
  const kept: SpanRecord[] = [];
  const outcomes: Outcome[] = [];
  const logged: Record<string, unknown>[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _, done) {
      logged.push(JSON.parse(chunk.toString()) as Record<string, unknown>);
      done();
    },
  });
  const log = createLogger("test", sink);
  const dispatch = createDispatch({
    contract,
    handlers,
    spans,
    log,
    onAnswered: (outcome) => outcomes.push(outcome),
    ...(options.keep === false ? {} : { keepSpans: (span: SpanRecord) => kept.push(span) }),
  });
  const server = await listen({
    path,
    mode: options.mode ?? 0o600,
    dispatch,
    log,
    peerOf: createPeerCredentials(),
    authorize: options.authorize ?? (() => true),
  });
  return {
    spans,
    stray,
    kept,
    outcomes,
    logged,
    path,
    connect: (more = {}) =>
      RpcClient.connect({ path, spans, unavailable: "daemon_unavailable", acceptSpans: acceptSpans("test"), ...more }),
    raw: () => rawPeer(path),
    [Symbol.asyncDispose]: async () => {
      await server.close(200);
      rmSync(directory, { recursive: true });
    },
  };
}

async function rawPeer(path: string): Promise<RawPeer> {
  const socket = createConnection(path);
  await new Promise<void>((resolve) => {
    socket.once("connect", () => resolve());
  });
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  return {
    socket,
    next: async () => JSON.parse(String((await lines.next()).value)) as Record<string, unknown>,
  };
}
