import { expect, it } from "vitest";
import { RpcClient } from "../../../src/rpc/client.ts";
import { BangerError } from "../../../src/rpc/contract/errors.ts";
import { FrameDecoder, maxFrameBytes } from "../../../src/rpc/frame.ts";
import { contract, rpcPair } from "../../support/rpc-pair.ts";
import { scriptedPeer } from "../../support/scripted-peer.ts";

const seed = Number(process.env["BANGER_FUZZ_SEED"] ?? 7);
/** For longer: BANGER_FUZZ_MS=3600000. */
const forMs = Number(process.env["BANGER_FUZZ_MS"] ?? 700);

/** mulberry32: the same numbers for the same seed. */
function numbers(from: number): (below: number) => number {
  let state = from;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

type Random = ReturnType<typeof numbers>;
const pick = <T>(random: Random, from: readonly T[]): T => from[random(from.length)] as T;

function value(random: Random, depth = 0): unknown {
  const plain = [
    null,
    true,
    -1,
    1e308,
    "",
    "1",
    "2",
    "test.echo",
    "test.wait",
    "\u0000\ud800",
    "x".repeat(random(300)),
    "eA==",
  ];
  if (depth > 3 || random(3) > 0) return pick(random, plain);
  if (random(2) === 0) return Array.from({ length: random(4) }, () => value(random, depth + 1));
  return frame(random, depth + 1);
}

const names =
  "id method params op_id traceparent deadline_ms version credit cancel input v event result error data code message details spans __proto__ text events".split(
    " ",
  );

function frame(random: Random, depth = 0): Record<string, unknown> {
  return Object.fromEntries(Array.from({ length: random(6) }, () => [pick(random, names), value(random, depth)]));
}

/** A frame that begins as a good one, and is bent. */
function request(random: Random): Record<string, unknown> {
  const method = pick(
    random,
    Object.values(contract).filter(({ name }) => name !== "test.shout"),
  ).name;
  return {
    id: String(random(5)),
    method,
    params: { text: "x", events: random(50) },
    ...(random(2) === 0 ? frame(random) : {}),
  };
}

function bent(random: Random, bytes: Buffer): Buffer {
  if (random(20) > 0) return bytes;
  const copy = Buffer.from(bytes);
  for (let n = random(4); n >= 0; n--) copy[random(copy.length)] = random(256);
  return copy;
}

it(`frames cut anywhere come out whole (seed ${seed})`, () => {
  const random = numbers(seed);
  for (const until = performance.now() + forMs; performance.now() < until; ) {
    const frames = Array.from({ length: 1 + random(20) }, () => frame(random));
    const bytes = Buffer.from(frames.map((one) => `${JSON.stringify(one)}\n`).join(""));
    const decoder = new FrameDecoder();
    const got: unknown[] = [];
    for (let at = 0; at < bytes.length; ) {
      const size = 1 + random(pick(random, [1, 7, 400]));
      got.push(...decoder.push(bytes.subarray(at, at + size)));
      at += size;
    }
    expect(got).toEqual(frames.map((one) => JSON.parse(JSON.stringify(one)) as unknown));
    expect(decoder.partial).toBe(false);
  }
});

it("a frame of the longest length is taken, one of a byte more is not, however it is cut", () => {
  const filler = "x".repeat(maxFrameBytes - 1 - 8);
  for (const piece of [1_000, 65_536, maxFrameBytes * 2]) {
    const decode = (text: string) => {
      const decoder = new FrameDecoder();
      const bytes = Buffer.from(`${text}\n`);
      const got: unknown[] = [];
      for (let at = 0; at < bytes.length; at += piece) got.push(...decoder.push(bytes.subarray(at, at + piece)));
      return got.length;
    };
    expect(decode(`{"x":"${filler}"}`)).toBe(1);
    expect(() => decode(`{"x":"${filler}y"}`)).toThrow(/longer than/);
  }
});

it(`whatever a client sends, the server answers in its errors and serves the next (seed ${seed})`, async () => {
  const random = numbers(seed);
  await using pair = await rpcPair();
  for (const until = performance.now() + forMs; performance.now() < until; ) {
    const peer = await pair.raw();
    peer.socket.on("error", () => undefined);
    for (let n = random(40); n > 0; n--) {
      const odd = random(3) === 0 ? frame(random) : request(random);
      peer.socket.write(bent(random, Buffer.from(`${JSON.stringify(odd)}\n`)));
    }
    const honest = await pair.connect();
    expect(await honest.call(contract.echo, { text: "x" })).toEqual({ text: "x" });
    honest.close();
    peer.socket.destroy();
  }
  const bugs = pair.logged.filter(
    ({ message, err }) => String(message).includes("bug") && !JSON.stringify(err).includes("test.lie"),
  );
  expect(bugs).toEqual([]);
  expect(pair.logged.filter(({ message }) => message === "a request could not be answered")).toEqual([]);
});

it(`whatever a server answers, a call ends in a result or an error of the table (seed ${seed})`, async () => {
  const random = numbers(seed);
  await using peer = await scriptedPeer(({ id }, write) => {
    for (let n = random(5); n > 0; n--) write(frame(random));
    write({ id, ...(random(2) === 0 ? frame(random) : { event: "x", data: value(random) }) });
    write({ id, result: {} });
  });
  for (const until = performance.now() + forMs; performance.now() < until; ) {
    const client = await RpcClient.connect({ path: peer.path, unavailable: "daemon_unavailable" });
    const outcome = await client.call(contract.ping, {}, { onEvent: () => undefined }).catch((error: unknown) => error);
    if (outcome instanceof Error) expect(outcome).toBeInstanceOf(BangerError);
    client.close();
  }
});
