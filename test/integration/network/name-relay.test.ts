import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect } from "node:net";
import { describe, expect, it } from "vitest";
import { NameRelay } from "../../../src/daemon/network/names/relay.ts";
import { Upstreams } from "../../../src/daemon/network/names/upstreams.ts";
import { createLogger } from "../../../src/telemetry/log.ts";
import { answerTo, type Manner, question, scriptedNameServer } from "../../support/scripted-name-server.ts";

const log = createLogger("bangerd", { write: () => undefined });
const silent: Manner = () => [];
const answers: Manner = (asked) => [answerTo(asked)];
const says =
  (rcode: number): Manner =>
  (asked) => [answerTo(asked, { rcode })];

/** A relay on loopback, in front of servers that behave so. */
async function relayTo(manners: readonly (Manner | "nobody")[], hears: (address: string) => boolean = () => true) {
  const servers = await Promise.all(manners.map((manner) => scriptedNameServer(manner === "nobody" ? silent : manner)));
  for (const [index, server] of servers.entries()) {
    if (manners[index] === "nobody") await server[Symbol.asyncDispose]();
  }
  const upstreams = new Upstreams({ servers: () => servers.map(({ server }) => server), patienceMs: 60, limitMs: 400 });
  const relay = new NameRelay({
    address: "127.0.0.1",
    port: 0,
    hears,
    streamLifeMs: 600,
    answer: (asked, transport, signal) => upstreams.answer(asked, transport, signal),
    log,
  });
  const port = (await relay.listen()) ?? 0;
  return {
    relay,
    port,
    servers,
    [Symbol.asyncDispose]: async () => {
      await relay.close();
      for (const [index, server] of servers.entries()) {
        if (manners[index] !== "nobody") await server[Symbol.asyncDispose]();
      }
    },
  };
}

/** Sends datagrams and gathers what comes back, until there are `count` or the time is up. */
async function exchange(
  port: number,
  sent: readonly Buffer[],
  count = 1,
  ms = 1_000,
  from = "127.0.0.1",
): Promise<Buffer[]> {
  const socket = createSocket("udp4");
  socket.bind(0, from);
  await once(socket, "listening");
  const got: Buffer[] = [];
  await new Promise<void>((resolve) => {
    const late = setTimeout(resolve, ms);
    socket.on("message", (answer) => {
      if (got.push(answer) < count) return;
      clearTimeout(late);
      resolve();
    });
    for (const bytes of sent) socket.send(bytes, port, "127.0.0.1");
  });
  socket.close();
  return got;
}

const rcodeOf = (answer: Buffer | undefined) => (answer?.[3] ?? 0xff) & 15;

/** Asks by TCP; undefined when the connection is cut. */
async function askByTcp(port: number, bytes: Buffer, { parts = 1, half = false, from = "127.0.0.1" } = {}) {
  const socket = connect({ port, host: "127.0.0.1", localAddress: from });
  await once(socket, "connect");
  const step = Math.ceil(bytes.length / parts);
  for (let at = 0; at < bytes.length; at += step) {
    socket.write(bytes.subarray(at, at + step));
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (half) socket.end();
  const cutOff = () => [];
  const [answer] = (await Promise.race([once(socket, "data"), once(socket, "close")]).catch(cutOff)) as [
    (Buffer | boolean)?,
  ];
  socket.destroy();
  return Buffer.isBuffer(answer) ? answer : undefined;
}

function framed(message: Buffer): Buffer {
  return Buffer.concat([Buffer.from([message.length >> 8, message.length & 255]), message]);
}

describe("a question by UDP", () => {
  it("is asked from another port, under another id, and answered under its own", async () => {
    await using set = await relayTo([answers]);
    const [first] = await exchange(set.port, [question("a.test", 7)]);
    await exchange(set.port, [question("a.test", 7)]);
    expect(first).toEqual(answerTo(question("a.test", 7)));
    const { asked } = set.servers[0] ?? { asked: [] };
    expect(new Set(asked.map(({ port }) => port)).size).toBe(2);
    expect(asked.some(({ question: bytes }) => bytes.readUInt16BE(0) !== 7)).toBe(true);
    expect(asked[0]?.question.subarray(2)).toEqual(question("a.test").subarray(2));
  });

  it.each<[string, (Manner | "nobody")[], number]>([
    ["the next server where one is silent", [silent, answers], 0],
    ["the next where nobody listens", ["nobody", answers], 0],
    ["the next where one can't help", [says(2), says(5), answers], 0],
    ["what it was told where no server can help", [says(5), says(2)], 5],
    ["that there is no such name, at once", [says(3), answers], 3],
    ["SERVFAIL where all are silent", [silent, silent], 2],
    ["SERVFAIL where nobody listens", ["nobody"], 2],
    ["REFUSED where there is no server", [], 5],
    [
      "an answer that comes late, when the next one is silent",
      [async (asked) => (await new Promise((r) => setTimeout(r, 150)), [answerTo(asked)]), silent],
      0,
    ],
    [
      "the right answer, of several with wrong ids",
      [
        (asked) => [
          answerTo(Buffer.concat([Buffer.from([1, 2]), asked.subarray(2)]), { last: 66 }),
          Buffer.from("x"),
          asked,
          answerTo(asked),
        ],
      ],
      0,
    ],
  ])("gets %s", async (_, manners, rcode) => {
    await using set = await relayTo(manners);
    const [answer] = await exchange(set.port, [question("b.test")]);
    expect(rcodeOf(answer)).toBe(rcode);
    expect(answer?.readUInt16BE(0)).toBe(0x1234);
    if (rcode === 0) expect(answer?.at(-1)).toBe(1);
  });

  it("goes first to the server that answered last", async () => {
    await using set = await relayTo([silent, answers]);
    await exchange(set.port, [question("c.test")]);
    const before = set.servers[0]?.asked.length;
    expect(await exchange(set.port, [question("c.test")])).toHaveLength(1);
    expect(set.servers[0]?.asked.length).toBe(before);
  });

  it("keeps the mark that it was cut", async () => {
    await using set = await relayTo([(asked) => [answerTo(asked, { flags: 0x82 })]]);
    expect((await exchange(set.port, [question("d.test")]))[0]?.[2]).toBe(0x83);
  });

  it.each([
    ["nothing", Buffer.alloc(0)],
    ["a header alone", question("e.test").subarray(0, 12)],
    ["an answer", answerTo(question("e.test"))],
    ["an update", Buffer.concat([Buffer.from([0, 1, 0x28]), question("e.test").subarray(3)])],
    ["no question", Buffer.concat([question("e.test").subarray(0, 4), Buffer.alloc(40)])],
    ["one that is too long", Buffer.concat([question("e.test"), Buffer.alloc(5_000)])],
  ])("isn't passed on when it is %s", async (_, bytes) => {
    await using set = await relayTo([answers]);
    // The one behind it shows that what was before it has been seen.
    expect(await exchange(set.port, [bytes, question("f.test")], 2, 100)).toHaveLength(1);
    expect(set.servers[0]?.asked).toHaveLength(1);
  });

  it("isn't passed on for who is no guest", async () => {
    await using set = await relayTo([answers], () => false);
    expect(await exchange(set.port, [question("g.test")], 1, 100)).toEqual([]);
    const socket = connect(set.port, "127.0.0.1").resume();
    await once(socket, "close");
    expect(set.servers[0]?.asked).toEqual([]);
  });

  it("is one of 64 under way at most for a guest, and a flood is over when it is", async () => {
    await using set = await relayTo([silent]);
    const flood = Array.from({ length: 1_000 }, (_, id) => question("h.test", id));
    const got = await exchange(set.port, flood, 65, 800);
    expect(got.length).toBeLessThanOrEqual(64);
    expect(set.servers[0]?.asked.length).toBeLessThanOrEqual(2 * 64);
    expect((await exchange(set.port, [question("h.test")]))[0]?.[3]).toBe(0x82);
  });
});

/** Guests that hold all that there is. */
const floods = ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"];

it("a guest's question is heard and answered while four others hold all places, and the flood costs them no more than a share", async () => {
  const isMine = (asked: Buffer) => asked.includes("mine");
  await using set = await relayTo([(asked) => (isMine(asked) ? [answerTo(asked)] : [])]);
  const flood = Array.from({ length: 64 }, (_, id) => question("h.test", id));
  const flooding = floods.map((from) => exchange(set.port, flood, 65, 700, from));
  await expect.poll(() => set.servers[0]?.asked.length, { interval: 1, timeout: 2_000 }).toBeGreaterThanOrEqual(256);
  const mine = Array.from({ length: 8 }, (_, id) => question("mine.test", id));
  const answered = await exchange(set.port, mine, 8, 300, "127.0.0.6");
  expect(answered.map(rcodeOf)).toEqual(Array.from({ length: 8 }, () => 0));
  const got = await Promise.all(flooding);
  for (const answers of got) expect(answers.length).toBeGreaterThanOrEqual(51);
});

describe("a question by TCP", () => {
  const ask = askByTcp;

  it.each([
    ["whole", {}],
    ["in parts", { parts: 9 }],
    ["by who has nothing more to say", { half: true }],
  ])("is passed on by TCP when it comes %s", async (_, how) => {
    await using set = await relayTo(["nobody", answers]);
    const answer = await ask(set.port, framed(question("a.test")), how);
    expect(answer).toEqual(framed(answerTo(question("a.test"))));
    expect(set.servers[1]?.asked.map(({ transport }) => transport)).toEqual(["tcp"]);
  });

  it.each([
    ["noise", Buffer.from("GET / HTTP/1.1\r\n\r\n")],
    ["a question that is too long", framed(Buffer.concat([question("a.test"), Buffer.alloc(5_000)]))],
    ["an answer", framed(answerTo(question("a.test")))],
  ])("is cut off when it is %s", async (_, bytes) => {
    await using set = await relayTo([answers]);
    expect(await ask(set.port, bytes)).toBeUndefined();
  });

  it("is one of 16 connections of a guest at most", async () => {
    await using set = await relayTo([answers]);
    const idle = Array.from({ length: 16 }, () => connect(set.port, "127.0.0.1"));
    await Promise.all(idle.map((socket) => once(socket, "connect")));
    expect(await ask(set.port, framed(question("a.test")))).toBeUndefined();
    idle[0]?.destroy();
    await expect.poll(() => ask(set.port, framed(question("a.test")))).toBeDefined();
    for (const socket of idle) socket.destroy();
  });
});

it("a guest's connection is served while four others hold all, and one of theirs is cut", async () => {
  await using set = await relayTo([answers]);
  const idle = floods.flatMap((localAddress) =>
    Array.from({ length: 16 }, () => connect({ port: set.port, host: "127.0.0.1", localAddress })),
  );
  let closed = 0;
  for (const socket of idle)
    socket
      .resume()
      .on("error", () => undefined)
      .on("close", () => closed++);
  await Promise.all(idle.map((socket) => once(socket, "connect")));
  expect(await askByTcp(set.port, framed(question("a.test")), { from: "127.0.0.6" })).toBeDefined();
  expect(closed).toBe(1);
  for (const socket of idle) socket.destroy();
});

it("a connection ends with its time, though a byte comes now and then", async () => {
  await using set = await relayTo([answers]);
  // A byte that comes late is reset: `once` would take that for a failure.
  const socket = connect(set.port, "127.0.0.1")
    .resume()
    .on("error", () => undefined);
  const closed = new Promise((resolve) => socket.once("close", resolve));
  const [begun, drip] = [performance.now(), setInterval(() => socket.write("\u0001"), 100)];
  await closed;
  clearInterval(drip);
  expect(performance.now() - begun).toBeLessThan(1_500);
});

it("a question that is given up before it is asked is asked of nobody", async () => {
  await using server = await scriptedNameServer(answers);
  const upstreams = new Upstreams({ servers: () => [server.server], patienceMs: 60, limitMs: 400 });
  expect(rcodeOf(await upstreams.answer(question("a.test"), "datagram", AbortSignal.abort()))).toBe(2);
  expect(server.asked).toEqual([]);
});

it.each(["udp", "tcp"] as const)(
  "a question by %s whose answer fails gets SERVFAIL, and is written down once",
  async (by) => {
    const lines: string[] = [];
    const relay = new NameRelay({
      address: "127.0.0.1",
      port: 0,
      hears: () => true,
      streamLifeMs: 600,
      answer: () => Promise.reject(new Error("EACCES")),
      log: createLogger("bangerd", { write: (line) => lines.push(line) }),
    });
    const port = (await relay.listen()) ?? 0;
    for (let asked = 0; asked < 3; asked++) {
      const answer =
        by === "udp"
          ? (await exchange(port, [question("a.test")]))[0]
          : (await askByTcp(port, framed(question("a.test"))))?.subarray(2);
      expect(answer?.readUInt16BE(0)).toBe(0x1234);
      expect(rcodeOf(answer)).toBe(2);
    }
    await relay.close();
    expect(lines.filter((line) => line.includes("EACCES"))).toHaveLength(1);
  },
);

it("a relay listens again after it was closed, takes another port where its own is taken, and none where there is no such address", async () => {
  await using taken = await relayTo([answers]);
  const deps = { hears: () => true, streamLifeMs: 600, answer: async () => Buffer.alloc(0), log };
  const other = new NameRelay({ ...deps, address: "127.0.0.1", port: taken.port });
  const port = await other.listen();
  expect(port).toEqual(expect.any(Number));
  expect(port).not.toBe(taken.port);
  expect(await other.listen()).toBe(port);
  await other.close();
  expect(await other.listen()).toEqual(expect.any(Number));
  await other.close();
  const nowhere = new NameRelay({ ...deps, address: "203.0.113.77", port: 0 });
  expect(await nowhere.listen()).toBeUndefined();
  const sockets = () => process.getActiveResourcesInfo().filter((kind) => kind === "UDPWRAP").length;
  const open = sockets();
  for (let again = 0; again < 20; again++) expect(await nowhere.listen()).toBeUndefined();
  await expect.poll(sockets).toBeLessThanOrEqual(open);
});
