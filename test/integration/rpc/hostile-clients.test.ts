import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { expect, it } from "vitest";
import { maxConnections, maxOfProcess } from "../../../src/rpc/connection-limits.ts";
import { maxLingering } from "../../../src/rpc/dismiss.ts";
import { contract, type RpcPair, rpcPair } from "../../support/rpc-pair.ts";

/** A client in a process of its own that runs `script` with its connection in `socket`. */
async function client(pair: RpcPair, script: string) {
  const child = spawn(
    process.execPath,
    ["-e", `const socket = require("node:net").createConnection(process.argv[1]); ${script}`, pair.path],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  await once(child.stdout, "data");
  return child;
}

/** Sends input that nobody takes, as fast as it goes, in frames of older clients that heed no credit. */
const upload = `
  const frame = JSON.stringify({ id: "1", input: Buffer.alloc(60000).toString("base64") }) + "\\n";
  socket.write('{"id":"1","method":"test.wait"}\\n');
  const more = () => { while (socket.write(frame)); };
  socket.on("drain", more); more();
  setTimeout(() => console.log("full"), 300);`;

const ended = (pair: RpcPair) =>
  pair.outcomes.filter(({ method }) => method === "test.wait").map(({ error }) => error?.code);

it.each([
  ["an upload that nobody takes", upload],
  [
    "an answer that it doesn't read",
    'socket.pause().write(\'{"id":"1","method":"test.wait"}\\n{"id":"2","method":"test.flood","params":{"events":1000000}}\\n\'); setTimeout(() => console.log("x"), 100);',
  ],
])("a client that is killed in %s is noticed, and its requests are cancelled", async (_, script) => {
  await using pair = await rpcPair();
  const child = await client(pair, script);
  child.kill("SIGKILL");
  await expect.poll(() => ended(pair), { timeout: 15_000 }).toEqual(["cancelled"]);
});

it("a client that is stopped in an upload costs no other client anything, and goes on when it is let", async () => {
  await using pair = await rpcPair();
  const child = await client(pair, upload);
  child.kill("SIGSTOP");
  const other = await pair.connect();
  const began = performance.now();
  expect(await other.call(contract.echo, { text: "x" })).toEqual({ text: "x" });
  expect(performance.now() - began).toBeLessThan(1_000);
  await delay(1_200);
  expect(ended(pair)).toEqual([]);
  child.kill("SIGCONT");
  child.kill("SIGKILL");
  await expect.poll(() => ended(pair), { timeout: 15_000 }).toEqual(["cancelled"]);
  other.close();
});

it("input beyond what was granted ends its request alone, and no cancellation waits behind it", async () => {
  await using pair = await rpcPair();
  const peer = await pair.raw();
  const input = Buffer.alloc(60_000).toString("base64");
  for (const id of ["1", "2"]) peer.socket.write(`${JSON.stringify({ id, method: "test.wait", credit: true })}\n`);
  for (let n = 0; n < 8; n++) peer.socket.write(`${JSON.stringify({ id: "1", input })}\n`);
  peer.socket.write('{"id":"2","cancel":true}\n');
  const answers = new Map<unknown, unknown>();
  while (answers.size < 2) {
    const { id, error } = await peer.next();
    if (error !== undefined) answers.set(id, (error as { code: string }).code);
  }
  expect(Object.fromEntries(answers as Map<string, string>)).toEqual({ 1: "bad_frame", 2: "cancelled" });
  peer.socket.destroy();
});

it("input that isn't base64 is an error, not the end", async () => {
  await using pair = await rpcPair();
  const peer = await pair.raw();
  peer.socket.write('{"id":"1","method":"test.wait"}\n{"id":"1","input":"?"}\n');
  expect(await peer.next()).toMatchObject({ id: "1", error: { code: "bad_frame" } });
  peer.socket.destroy();
});

it("answers that wait for a peer count as its requests", async () => {
  await using pair = await rpcPair();
  const deaf = createConnection(pair.path).on("error", () => undefined);
  await once(deaf, "connect");
  deaf.pause();
  for (let n = 0; n < 10_000; n++) deaf.write(`{"id":"${n}","method":"test.ping"}\n`);
  // What the kernel holds of answers, and 64 more; then nothing further is begun.
  let [before, now] = [-1, 0];
  while (now === 0 || now !== before) {
    await delay(300);
    [before, now] = [now, pair.outcomes.length];
  }
  expect(now).toBeLessThan(6_000);
  deaf.destroy();
});

it("a process has its share of connections: the one that was idle longest makes room, one that waits does not", async () => {
  await using pair = await rpcPair();
  const waiting = await pair.connect();
  const abort = new AbortController();
  const wait = waiting.call(contract.wait, {}, { signal: abort.signal });
  const idle = await pair.raw();
  const others = await Promise.all(Array.from({ length: maxOfProcess - 1 }, () => pair.connect()));
  expect(await idle.next()).toMatchObject({
    id: null,
    error: { code: "busy", message: expect.stringContaining(`${maxOfProcess} connections of process`) as string },
  });
  const last = others.at(-1);
  expect(await last?.call(contract.echo, { text: "x" })).toEqual({ text: "x" });
  abort.abort();
  await expect(wait).rejects.toMatchObject({ code: "cancelled" });
  for (const one of [waiting, ...others]) one.close();
  expect(maxConnections).toBeGreaterThanOrEqual(4 * maxOfProcess);
});

it("peers that neither read nor leave get no more connections by being sent away", async () => {
  await using pair = await rpcPair();
  const kept: Socket[] = [];
  for (let n = 0; n < 3 * maxOfProcess; n++) {
    const deaf = createConnection(pair.path).on("error", () => undefined);
    kept.push(deaf.pause());
    await once(deaf, "connect");
    // The kernel holds a part of that; the rest is for the server to keep, its request done.
    deaf.write('{"id":"1","method":"test.shout","params":{"events":4}}\n');
    await expect.poll(() => pair.outcomes.length, { interval: 2 }).toBe(n + 1);
  }
  const held = () =>
    readFileSync("/proc/net/unix", "utf8")
      .split("\n")
      .filter((line) => line.endsWith(pair.path)).length;
  // The one that listens is listed too.
  expect(held() - 1).toBeLessThanOrEqual(maxOfProcess + maxLingering);
  await expect.poll(() => held() - 1, { timeout: 3_000 }).toBeLessThanOrEqual(maxOfProcess);
  for (const socket of kept) socket.destroy();
});

it("a process whose every connection waits hears which limit it has reached", async () => {
  await using pair = await rpcPair();
  const clients = await Promise.all(Array.from({ length: maxOfProcess }, () => pair.connect()));
  const abort = new AbortController();
  const waits = clients.map((one) => one.call(contract.wait, {}, { signal: abort.signal }).catch(() => undefined));
  // Answered, so what was asked before on the same connection is under way.
  await Promise.all(clients.map((one) => one.call(contract.ping, {}).catch(() => undefined)));
  const peer = await pair.raw();
  expect(await peer.next()).toMatchObject({ id: null, error: { code: "busy" } });
  abort.abort();
  await Promise.all(waits);
  for (const one of clients) one.close();
});

it("a server that has no descriptors left neither dies nor burns the CPU, and takes connections when it has", async () => {
  const script = `
    import { listen } from "./src/rpc/server.ts";
    import { createLogger } from "./src/telemetry/log.ts";
    await listen({ path: process.argv[1], mode: 0o600, log: createLogger("x", { write: () => undefined }), authorize: () => true,
      peerOf: () => ({ pid: Math.random(), uid: 0, gid: 0 }), dispatch: async ({ id }) => ({ id, result: process.cpuUsage() }) });
    console.log("ready");`;
  await using pair = await rpcPair();
  const path = `${pair.path}.few`;
  const limited = [
    "-c",
    'ulimit -n 60; exec "$@"',
    "bash",
    process.execPath,
    "--input-type=module",
    "-e",
    script,
    path,
  ];
  const child = spawn("bash", limited, { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  const ask = async () => {
    const socket = createConnection(path);
    socket.on("error", () => undefined).write('{"id":"1","method":"x"}\n');
    const [answer] = (await once(socket, "data").catch(() => [undefined])) as [Buffer | undefined];
    socket.destroy();
    return answer === undefined ? undefined : (JSON.parse(String(answer)) as { result: NodeJS.CpuUsage }).result;
  };
  const before = (await ask())?.user ?? 0;
  const sockets = Array.from({ length: 100 }, () => createConnection(path).on("error", () => undefined));
  await Promise.all(sockets.map((socket) => once(socket, "connect").catch(() => undefined)));
  await delay(500);
  for (const socket of sockets) socket.destroy();
  await expect.poll(ask).toBeDefined();
  expect(((await ask())?.user ?? 0) - before).toBeLessThan(300_000);
  child.kill("SIGKILL");
  await once(child, "close");
});
