import { createConnection, type Socket } from "node:net";
import { once } from "node:events";
import { expect, it } from "vitest";
import { RpcClient } from "../../../src/rpc/client.ts";
import { BangerError } from "../../../src/rpc/contract/errors.ts";
import { listen } from "../../../src/rpc/server.ts";
import { contract, rpcPair } from "../../support/rpc-pair.ts";
import { scriptedPeer, stoppedPeer } from "../../support/scripted-peer.ts";

const unavailable = "daemon_unavailable";

it("a deadline binds on the side that waits; the peer is told, and a late answer is dropped", async () => {
  let late: () => void = () => undefined;
  await using peer = await scriptedPeer((frame, write) => {
    if (frame["cancel"] === true) late();
    else if (frame["method"] === "test.ping") write({ id: frame["id"], result: {} });
    else late = () => write({ id: frame["id"], result: { text: "late" } });
  });
  const client = await RpcClient.connect({ path: peer.path, unavailable });
  const call = client.call(contract.echo, { text: "x" }, { deadlineMs: 30, graceMs: 30 });
  await expect(call).rejects.toMatchObject({
    code: "deadline_exceeded",
    message: expect.stringMatching(/test\.echo: no answer within 30 ms/) as string,
  });
  expect(await client.call(contract.ping, {})).toEqual({});
  expect(peer.received).toContainEqual({ id: "1", cancel: true });
  client.close();
});

it("what a peer said before it went on is not why it left", async () => {
  const peer = await scriptedPeer(({ id }, write) => {
    if (id !== "2") return;
    write({ id: null, error: { code: "busy", message: "too many" } });
    for (const each of ["1", "2"]) write({ id: each, result: {} });
  });
  const client = await RpcClient.connect({ path: peer.path, unavailable });
  await Promise.all([client.call(contract.ping, {}), client.call(contract.ping, {})]);
  const last = client.call(contract.ping, {});
  last.catch(() => undefined);
  await peer[Symbol.asyncDispose]();
  await expect(last).rejects.toMatchObject({ code: "disconnected" });
});

it("a cancellation that the peer never confirms ends", async () => {
  await using peer = await scriptedPeer(() => undefined);
  const client = await RpcClient.connect({ path: peer.path, unavailable });
  const call = client.call(contract.echo, { text: "x" }, { signal: AbortSignal.abort(), cancelWaitMs: 30 });
  await expect(call).rejects.toMatchObject({
    code: "cancelled",
    message: expect.stringMatching(/not confirmed it within 0\.03 s/) as string,
  });
  client.close();
});

it("a peer that is stopped is given up; one that is only slow is not", async () => {
  const keepAlive = { method: "test.ping", afterMs: 100, withinMs: 100 };
  await using stopped = await stoppedPeer();
  const client = await RpcClient.connect({ path: stopped.path, unavailable, keepAlive });
  await expect(client.call(contract.wait, {})).rejects.toMatchObject({
    code: unavailable,
    message: expect.stringMatching(/has not answered for \d+ s/) as string,
  });

  await using pair = await rpcPair();
  const patient = await pair.connect({ keepAlive });
  const abort = new AbortController();
  const waiting = patient.call(contract.wait, {}, { signal: abort.signal });
  await expect.poll(() => pair.outcomes.filter(({ method }) => method === "test.ping").length).toBeGreaterThan(3);
  abort.abort();
  await expect(waiting).rejects.toMatchObject({
    code: "cancelled",
    message: expect.stringMatching(/cancelled by the caller/) as string,
  });
  patient.close();
});

it("a peer isn't blamed for the silence of a client that is busy with an event", async () => {
  await using pair = await rpcPair();
  const client = await pair.connect({ keepAlive: { method: "test.ping", afterMs: 20, withinMs: 20 } });
  let slept = false;
  const onEvent = async () => {
    if (slept) return;
    slept = true;
    await new Promise((resolve) => {
      setTimeout(resolve, 200);
    });
  };
  expect(await client.call(contract.flood, { events: 3 }, { onEvent })).toEqual({ sent: 3 });
  client.close();
});

it("connecting to a peer that accepts nobody ends, and its socket isn't taken away", async () => {
  await using stopped = await stoppedPeer();
  const held: Socket[] = [];
  for (let full = false; !full; ) {
    const socket = createConnection(stopped.path);
    full = await Promise.race([
      once(socket, "connect").then(() => false),
      once(socket, "error").then(() => true),
    ]).catch(() => true);
    held.push(socket);
  }
  const connecting = RpcClient.connect({ path: stopped.path, unavailable, connectMs: 100 });
  await expect(connecting).rejects.toMatchObject({
    code: unavailable,
    message: expect.stringMatching(/nobody takes connections/) as string,
  });
  await expect(listen({ path: stopped.path } as never)).rejects.toThrow(/already/);
  for (const socket of held) socket.destroy();
});

it("what a handler of events throws ends its own call, on both sides, and no other", async () => {
  await using pair = await rpcPair();
  const client = await pair.connect();
  const other = client.call(contract.flood, { events: 100 });
  const failure = new Error("no more");
  const call = client.call(contract.undo, {}, { onEvent: () => Promise.reject(failure) });
  await expect(call).rejects.toBe(failure);
  expect(await other).toEqual({ sent: 100 });
  expect(pair.outcomes.find(({ method }) => method === "test.undo")?.error?.code).toBe("cancelled");
  client.close();
});

it("a request that is too long for a frame fails alone, and says what is too long", async () => {
  await using pair = await rpcPair();
  const client = await pair.connect();
  const call = client.call(contract.echo, { text: "x".repeat(1_200_000) });
  await expect(call).rejects.toBeInstanceOf(BangerError);
  await expect(call).rejects.toMatchObject({
    code: "frame_too_large",
    message: expect.stringMatching(/^test\.echo: 1200\d+ bytes are more than the 1048576 of one frame/) as string,
  });
  expect(await client.call(contract.echo, { text: "x" })).toEqual({ text: "x" });
  client.close();
});

it("an answer that is too long for a frame is that request's error, under its own op_id", async () => {
  await using pair = await rpcPair({ keep: false });
  const client = await pair.connect();
  let opId = "";
  const call = pair.spans.operation("root", { sink: () => undefined }, (id) => {
    opId = id;
    return client.call(contract.large, {});
  });
  await expect(call).rejects.toMatchObject({
    code: "frame_too_large",
    opId,
    details: { hint: expect.stringMatching(/^The answer is longer/) as string },
  });
  expect(pair.logged).toMatchObject([{ message: "an answer could not be sent", op_id: opId }]);
  client.close();
});

it("input that can't be read is an error, not an end", async () => {
  await using pair = await rpcPair();
  const client = await pair.connect();
  const failure = new BangerError("bad_params", "stdin: can't be read: EISDIR");
  async function* input() {
    yield Buffer.from("some");
    throw failure;
  }
  await expect(client.call(contract.count, {}, { input: input() })).rejects.toBe(failure);
  client.close();
});

it("input that nobody takes doesn't lie in front of a cancellation", async () => {
  await using pair = await rpcPair();
  const client = await pair.connect();
  let sent = 0;
  async function* input() {
    for (;;) {
      sent += 65_536;
      yield Buffer.alloc(65_536);
    }
  }
  const abort = new AbortController();
  const call = client.call(contract.wait, {}, { input: input(), signal: abort.signal });
  await client.call(contract.ping, {});
  await expect.poll(() => sent).toBeGreaterThan(131_072);
  abort.abort();
  await expect(call).rejects.toMatchObject({
    code: "cancelled",
    message: expect.stringMatching(/cancelled by the caller/) as string,
  });
  expect(sent).toBeLessThan(1_000_000);
  client.close();
});

it("an older server, which grants no credit, gets all the input", async () => {
  let bytes = 0;
  await using peer = await scriptedPeer((frame, write) => {
    if (typeof frame["input"] !== "string") return;
    bytes += Buffer.from(frame["input"], "base64").length;
    if (frame["input"] === "") write({ id: frame["id"], result: { bytes } });
  });
  const client = await RpcClient.connect({ path: peer.path, unavailable });
  async function* input() {
    for (let n = 0; n < 16; n++) yield Buffer.alloc(65_536);
  }
  expect(await client.call(contract.count, {}, { input: input() })).toEqual({ bytes: 1 << 20 });
  client.close();
});

it("a client that reads nothing holds up no undo, no other client and no close", async () => {
  await using pair = await rpcPair();
  const deaf = createConnection(pair.path);
  await once(deaf, "connect");
  deaf.pause();
  deaf.write(`${JSON.stringify({ id: "1", method: "test.undo" })}\n`);
  const client = await pair.connect();
  expect(await client.call(contract.echo, { text: "x" })).toEqual({ text: "x" });
  deaf.write(`${JSON.stringify({ id: "1", cancel: true })}\n`);
  await expect.poll(() => pair.outcomes.map(({ method }) => method)).toContain("test.undo");
  client.close();
  deaf.destroy();
});

it("a client that reads nothing is cut off before what waits for it fills the memory", async () => {
  await using pair = await rpcPair();
  const deaf = createConnection(pair.path).on("error", () => undefined);
  await once(deaf, "connect");
  deaf.pause();
  deaf.write(`${JSON.stringify({ id: "1", method: "test.shout", params: { events: 1_000 } })}\n`);
  await expect
    .poll(() => pair.logged.map((record) => record["message"]))
    .toContain("connection closed: its peer does not read");
  deaf.destroy();
});
