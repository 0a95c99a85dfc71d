import { once } from "node:events";
import { createConnection } from "node:net";
import { expect, test } from "vitest";
import { maxFrameBytes } from "../../../src/rpc/frame.ts";
import { opIdOfTrace } from "../../../src/telemetry/op-id.ts";
import { version } from "../../../src/version.ts";
import { contract, rpcPair } from "../../support/rpc-pair.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const spanId = "00f067aa0ba902b7";
const opId = opIdOfTrace(traceId);

test.each([
  ["a frame that isn't JSON", "{nope\n", "bad_frame"],
  ["a frame that isn't an object", "[1]\n", "bad_frame"],
  ["no id", `${JSON.stringify({ method: "test.echo" })}\n`, "bad_frame"],
  ["another version", `${JSON.stringify({ v: 2, id: "1", method: "test.echo" })}\n`, "bad_version"],
  ["an unknown method", `${JSON.stringify({ id: "1", method: "test.nope" })}\n`, "unknown_method"],
  ["a method that makes no text", `${JSON.stringify({ id: "1", method: { toString: 1 } })}\n`, "unknown_method"],
  [
    "a version nested without end",
    `{"id":"1","method":"test.nope","v":${"[".repeat(200_000)}${"]".repeat(200_000)}}\n`,
    "bad_version",
  ],
  ["ill-typed params", `${JSON.stringify({ id: "1", method: "test.echo", params: { text: 7 } })}\n`, "bad_params"],
  [
    "an ill-formed op_id",
    `${JSON.stringify({ id: "1", method: "test.echo", params: { text: "" }, op_id: "op-7" })}\n`,
    "bad_params",
  ],
  ["a frame that is too large", `${"x".repeat(maxFrameBytes)}\n`, "frame_too_large"],
])("%s is answered with its code and an op_id", async (_, bytes, code) => {
  await using pair = await rpcPair();
  const peer = await pair.raw();
  peer.socket.write(bytes);
  expect(await peer.next()).toMatchObject({
    error: { code, op_id: expect.stringMatching(/^op-[0-9a-f]{32}$/) as string },
  });
  peer.socket.destroy();
});

test.each([
  [null, "text: missing; a string is expected"],
  [{}, "text: missing; a string is expected"],
  [{ text: 7 }, "text: a string is expected, not a number"],
  [{ text: null }, "text: a string is expected, not null"],
  [[], "params: an object is expected, not an array"],
  ["x", "params: an object is expected, not a string"],
])("params %j are refused in plain words", async (params, message) => {
  await using pair = await rpcPair();
  const peer = await pair.raw();
  peer.socket.write(`${JSON.stringify({ id: "1", method: "test.echo", params })}\n`);
  expect(await peer.next()).toMatchObject({ error: { message: `test.echo: ${message}` } });
  peer.socket.destroy();
});

test("a request that knows neither op_id nor version still works, and unknown fields are ignored", async () => {
  await using pair = await rpcPair();
  const peer = await pair.raw();
  peer.socket.write('{"id":"7","method":"test.echo","params":{"text":"hi","later":1},"later":true}\n');
  expect(await peer.next()).toEqual({ id: "7", result: { text: "hi" } });
  peer.socket.destroy();
});

test("op_id and traceparent: adopted, an ill-formed traceparent logged, a disagreement refused", async () => {
  await using pair = await rpcPair();
  const peer = await pair.raw();
  const ask = (extra: Record<string, string>) => {
    peer.socket.write(`${JSON.stringify({ id: "1", method: "test.echo", params: { text: "" }, ...extra })}\n`);
    return peer.next();
  };
  await ask({ op_id: opId, traceparent: `00-${traceId}-${spanId}-00` });
  expect(pair.kept.at(-1)).toMatchObject({
    trace_id: traceId,
    parent_span_id: spanId,
    name: "test.echo",
    kind: "server",
  });

  await ask({ op_id: opId, traceparent: "00-zz" });
  expect(pair.logged.map((record) => record["message"])).toContain("ill-formed traceparent ignored");
  expect(pair.kept.at(-1)?.parent_span_id).toBeUndefined();
  expect(pair.outcomes.map((outcome) => outcome.badTraceparent)).toEqual([false, true]);

  expect(await ask({ op_id: opId, traceparent: `00-${"a".repeat(32)}-${spanId}-01` })).toMatchObject({
    error: { code: "bad_params", op_id: opId },
  });

  await ask({ traceparent: `00-${traceId}-${spanId}-01` });
  expect(pair.kept.at(-1)?.trace_id).not.toBe(traceId);
  expect(pair.kept.at(-1)?.links).toEqual([{ trace_id: traceId, span_id: spanId }]);
  peer.socket.destroy();
});

test("a failure names its operation, in the error, its text and its span", async () => {
  await using pair = await rpcPair();
  const client = await pair.connect();
  const error = await client.call(contract.fail, {}).catch((caught: unknown) => caught);
  expect(error).toMatchObject({
    code: "not_found",
    message: expect.stringMatching(/^test\.fail: no such thing \(op-[0-9a-f]{32}\)$/) as string,
  });
  expect(pair.kept.at(-1)).toMatchObject({ status: "error", attributes: { "error.type": "not_found" } });
  client.close();
});

test("a result that its declaration doesn't allow is a bug of the server, not of the client", async () => {
  await using pair = await rpcPair();
  const client = await pair.connect();
  await expect(client.call(contract.lie, {})).rejects.toMatchObject({ code: "internal" });
  client.close();
});

test("cancelled by the client, by its going away, by a deadline", async () => {
  await using pair = await rpcPair();
  const client = await pair.connect();
  const abort = new AbortController();
  const cancelled = client.call(contract.wait, {}, { signal: abort.signal });
  abort.abort();
  await expect(cancelled).rejects.toMatchObject({ code: "cancelled" });
  await expect(client.call(contract.wait, {}, { deadlineMs: 20 })).rejects.toMatchObject({ code: "deadline_exceeded" });

  const leaving = await pair.connect();
  const left = leaving.call(contract.wait, {}).catch((error: unknown) => error);
  leaving.close();
  expect(await left).toMatchObject({ code: "disconnected" });
  await expect.poll(() => pair.outcomes.length).toBe(3);
  expect(pair.outcomes.at(-1)?.error?.code).toBe("cancelled");
  client.close();
});

test("many requests at a time on one connection, each with its own answer", async () => {
  await using pair = await rpcPair();
  const client = await pair.connect();
  const texts = Array.from({ length: 60 }, (_, n) => `n${n}`);
  const answers = await Promise.all(texts.map((text) => client.call(contract.echo, { text })));
  expect(answers.map((answer) => answer.text)).toEqual(texts);
  client.close();
});

test("8 MiB of input arrive whole, and a slow reader holds the sender of events back", async () => {
  await using pair = await rpcPair();
  const client = await pair.connect();
  async function* input() {
    for (let n = 0; n < 128; n++) yield Buffer.alloc(65_536, n);
  }
  expect(await client.call(contract.count, {}, { input: input() })).toEqual({ bytes: 8_388_608 });

  const seen: unknown[] = [];
  await client.call(contract.flood, { events: 5_000 }, { onEvent: (_, data) => void seen.push(data) });
  expect(seen).toEqual(Array.from({ length: 5_000 }, (_, n) => n));
  client.close();
});

test("a peer of another version is served, and that is logged once for each connection", async () => {
  await using pair = await rpcPair();
  const peer = await pair.raw();
  peer.socket.write('{"id":"1","method":"test.ping","version":"0.0.9"}\n');
  expect(await peer.next()).toEqual({ id: "1", result: {} });
  expect(pair.logged.at(-1)).toMatchObject({
    message: "the peer is of another version",
    peer_version: "0.0.9",
    version,
  });
  peer.socket.destroy();
  const client = await pair.connect();
  await client.call(contract.ping, {});
  expect(pair.logged).toHaveLength(1);
  client.close();
});

test("polls open no span", async () => {
  await using pair = await rpcPair();
  const client = await pair.connect();
  await client.call(contract.ping, {});
  expect(pair.kept).toEqual([]);
  client.close();
});

test("a server that keeps no spans sends them back, into the caller's own trace", async () => {
  await using pair = await rpcPair({ keep: false });
  const client = await pair.connect();
  const trace: { name: string; trace_id: string; span_id: string; parent_span_id?: string | undefined }[] = [];
  const operation = await pair.spans.operation("root", { sink: (span) => trace.push(span) }, async (id) => {
    await client.call(contract.echo, { text: "x" });
    return id;
  });
  const byName = Object.fromEntries(trace.map((span) => [span.name, span]));
  expect(Object.keys(byName).sort()).toEqual(["call test.echo", "root", "test.echo"]);
  expect(new Set(trace.map((span) => opIdOfTrace(span.trace_id)))).toEqual(new Set([operation]));
  expect(byName["test.echo"]?.parent_span_id).toBe(byName["call test.echo"]?.span_id);
  expect(byName["call test.echo"]?.parent_span_id).toBe(byName["root"]?.span_id);
  client.close();
});

test("a peer that may not ask is refused in words, and the refusal is logged with its uid", async () => {
  await using pair = await rpcPair({ authorize: () => false });
  const peer = await pair.raw();
  expect(await peer.next()).toMatchObject({ id: null, error: { code: "not_owner" } });
  expect(pair.logged.at(-1)).toMatchObject({ peer: { uid: process.getuid?.(), pid: process.pid } });
});

test("a peer that may not ask hears so also when it has asked already, and is gone soon if it stays", async () => {
  await using pair = await rpcPair({ authorize: () => false });
  const client = await pair.connect();
  await expect(client.call(contract.echo, { text: "x" })).rejects.toMatchObject({ code: "not_owner" });
  const staying = createConnection({ path: pair.path, allowHalfOpen: true }).resume();
  await once(staying, "end");
  const began = performance.now();
  const keepWriting = setInterval(() => staying.write("x"), 50);
  await once(staying, "error");
  clearInterval(keepWriting);
  expect(performance.now() - began).toBeLessThan(5_000);
  staying.destroy();
});
