// Attacks a server of ours: `node attacks.ts SOCKET PING_METHOD PID ATTACK`, and prints how much memory the server took and
// how long an honest client waited meanwhile. What is attacked belongs to the test: no more than some MiB and some seconds.
import { fork } from "node:child_process";
import { readFileSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { setImmediate as nextTurn, setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

/** What an attack did. */
export interface Damage {
  readonly grownMiB: number;
  readonly worstPingMs: number;
  readonly pings: number;
  /** What the attacker was answered, of attacks that look at it. */
  readonly answers: string[];
}

const scale = Number(process.env["BANGER_ATTACK_SCALE"] ?? 1);

/** Connects, again when the backlog is full. */
async function open(path: string): Promise<Socket> {
  for (;;) {
    const socket = createConnection({ path, allowHalfOpen: true });
    const failed = await new Promise((resolve) => {
      socket.on("error", () => resolve(true));
      socket.on("connect", () => resolve(false));
    });
    if (failed === false) return socket;
    await delay(5);
  }
}

/** Writes as fast as the peer takes it, for at most `ms` milliseconds in which it takes nothing. */
async function pour(socket: Socket, text: string | Buffer, times: number, ms = 500): Promise<void> {
  for (let n = 0; n < times && !socket.destroyed && socket.writable; n++) {
    if (socket.write(text)) continue;
    const drained = new Promise((resolve) => {
      socket.once("drain", resolve);
      socket.once("close", resolve);
    });
    if ((await Promise.race([drained, delay(ms, "stuck")])) === "stuck") return;
  }
}

async function firstAnswer(path: string, bytes: string | Buffer): Promise<string> {
  const socket = await open(path);
  socket.write(bytes);
  const line = new Promise<string>((resolve) => {
    createInterface({ input: socket })
      .once("line", resolve)
      .once("close", () => resolve("closed"));
  });
  const answer = await Promise.race([line, delay(3_000, "silence")]);
  socket.destroy();
  return answer;
}

const request = (id: unknown, method: unknown, more: object = {}) =>
  `${JSON.stringify({ id, method, params: {}, ...more })}\n`;
const block = (line: string) => line.repeat(Math.ceil(30_000 / line.length));

const attacks: Record<string, (path: string, ping: string) => Promise<string[] | void>> = {
  "reads nothing": async (path, ping) => {
    const sockets = await Promise.all(Array.from({ length: 8 }, () => open(path)));
    for (const socket of sockets) socket.pause();
    await Promise.all(sockets.map((socket) => pour(socket, block(request("1", ping)), 400 * scale)));
    for (const socket of sockets) socket.destroy();
  },
  "half a frame, then silence": async (path) => {
    const sockets = await Promise.all(Array.from({ length: 60 }, () => open(path)));
    await Promise.all(sockets.map((socket) => pour(socket, `{"id":"1","x":"${"x".repeat(100_000)}`, 1)));
    await delay(300);
    for (const socket of sockets) socket.destroy();
  },
  "a byte at a time": async (path) => {
    const socket = await open(path);
    for (let n = 0; n < 30_000 * scale; n++) {
      socket.write("x");
      if (n % 3 === 0) await nextTurn();
    }
    socket.destroy();
  },
  "tiny frames": async (path) => {
    const socket = (await open(path)).resume();
    await pour(socket, "{}\n".repeat(2_000), 5 * scale);
    await delay(200);
    socket.destroy();
  },
  "cancels of nothing": async (path) => {
    const socket = (await open(path)).resume();
    const lines = Array.from(
      { length: 2_000 },
      (_, n) => `{"id":"${n}","cancel":true}\n{"id":"${n}","input":"eA=="}\n`,
    );
    await pour(socket, lines.join(""), 50 * scale);
    socket.destroy();
  },
  "one id again and again": async (path, ping) => {
    const socket = (await open(path)).resume();
    await pour(socket, block(request("1", ping)), 20 * scale);
    socket.destroy();
  },
  "a new op_id each time": async (path, ping) => {
    const socket = (await open(path)).resume();
    for (let round = 0; round < 60 * scale && !socket.destroyed; round++) {
      const op = (n: number) => `op-${(round * 100 + n + 1).toString(16).padStart(32, "0")}`;
      await pour(socket, Array.from({ length: 100 }, (_, n) => request(String(n), ping, { op_id: op(n) })).join(""), 1);
    }
    socket.destroy();
  },
  "connects and closes": async (path) => {
    for (let n = 0; n < 2_000 * scale; n += 20) {
      for (const socket of await Promise.all(Array.from({ length: 20 }, () => open(path)))) socket.destroy();
    }
  },
  "connects and never speaks": async (path, ping) => {
    const sockets: Socket[] = [];
    for (let n = 0; n < 1_000; n++) sockets.push(await open(path));
    const answer = await firstAnswer(path, request("1", ping));
    for (const socket of sockets) socket.destroy();
    return [answer];
  },
  "odd frames": async (path, ping) => {
    const deep = (open: string, close: string) => open.repeat(250_000) + close.repeat(250_000);
    const odd: (string | Buffer)[] = [
      ...[7, null, true, {}, [], "", "x".repeat(65), "x".repeat(1_000_000), "\u0000", "\ud800", "__proto__"].map((id) =>
        request(id, ping),
      ),
      ...[7, null, {}, { toString: 1 }, ["daemon.ping"], "constructor", "__proto__", "x".repeat(500_000)].map(
        (method) => request("1", method),
      ),
      request("1", ping, { v: { toString: 1 } }),
      `{"id":"1","method":"${ping}","v":${deep("[", "]")}}\n`,
      `{"id":"1","method":"${ping}","params":${deep("[", "]")}}\n`,
      `{"id":"1","method":"trace.submit","params":{"spans":[${deep("[", "]")}]}}\n`,
      `{"id":"1","method":${deep("[", "]")}}\n`,
      `{"id":"1","method":"${ping}","params":{"__proto__":{"x":1},"constructor":{"prototype":{"y":1}}}}\n`,
      `{"__proto__":{"id":"1","method":"${ping}"}}\n`,
      `${deep("[", "")}\n`,
      `\ufeff${request("1", ping)}`,
      `${request("1", ping).trim()}\r\n`,
      Buffer.concat([Buffer.from('{"id":"1","method":"'), Buffer.from([0xff, 0xc0, 0x80]), Buffer.from('"}\n')]),
      "\0\n",
      "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
      "x".repeat(2_000_000),
      request("1", ping, { deadline_ms: -1, traceparent: {}, op_id: [], version: {}, credit: "yes" }),
      request("1", ping, { deadline_ms: 1e308, version: "x".repeat(900_000) }),
    ];
    const answers: string[] = [];
    for (const bytes of odd) answers.push(await firstAnswer(path, bytes));
    return answers.map((answer) => (answer.startsWith("{") ? answer.slice(0, 400) : answer));
  },
};

function rssMiB(pid: string): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
}

/** An honest client: asks on a connection that stands and now and then on a new one. */
async function watch(path: string, ping: string, pid: string): Promise<void> {
  let over = false;
  process.once("message", () => (over = true));
  const seen = { worstPingMs: 0, pings: 0, peakMiB: 0, startMiB: rssMiB(pid) };
  const lasting = await open(path);
  const lines = createInterface({ input: lasting })[Symbol.asyncIterator]();
  for (; !over; seen.pings++) {
    const began = performance.now();
    if (seen.pings % 4 === 3) await firstAnswer(path, request("1", ping));
    else {
      lasting.write(request("1", ping));
      await lines.next();
    }
    seen.worstPingMs = Math.max(seen.worstPingMs, performance.now() - began);
    seen.peakMiB = Math.max(seen.peakMiB, rssMiB(pid));
    if (seen.pings === 3) process.send?.("ready");
    await delay(10);
  }
  lasting.destroy();
  process.send?.(seen, () => process.exit());
}

async function main(path: string, ping: string, pid: string, name: string): Promise<void> {
  // A process of its own, as another client is.
  const watcher = fork(fileURLToPath(import.meta.url), [path, ping, pid]);
  const told = () => new Promise((resolve) => watcher.once("message", resolve));
  await told();
  const answers = (await attacks[name]?.(path, ping)) ?? [];
  const seen = told();
  watcher.send("end");
  const { peakMiB = 0, startMiB = 0, worstPingMs = 0, pings = 0 } = (await seen) as Record<string, number>;
  const damage: Damage = { grownMiB: peakMiB - startMiB, worstPingMs, pings, answers };
  process.stdout.write(JSON.stringify(damage), () => process.exit());
}

/** The attacks by name. */
export const attackNames = Object.keys(attacks);

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [path = "", ping = "", pid = "", name] = process.argv.slice(2);
  await (name === undefined ? watch(path, ping, pid) : main(path, ping, pid, name));
}
