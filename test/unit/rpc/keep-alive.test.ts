import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, it } from "vitest";
import { KeepAlive } from "../../../src/rpc/keep-alive.ts";

/** A watch over a peer that says what a test lets it say. */
function watch() {
  const peer = { heard: 0, deaf: false, answers: false, asked: 0, silent: [] as number[] };
  const keepAlive = new KeepAlive({
    method: "x",
    afterMs: 25,
    withinMs: 25,
    heard: () => peer.heard,
    deaf: () => peer.deaf,
    ask: () => {
      peer.asked++;
      if (peer.answers) peer.heard++;
    },
    onSilent: (ms) => void peer.silent.push(ms),
  });
  return { peer, keepAlive };
}

it("asks once, and gives up once", async () => {
  const { peer, keepAlive } = watch();
  keepAlive.start();
  await expect.poll(() => peer.silent).toEqual([50]);
  expect(peer.asked).toBe(1);
});

it("time in which this process itself stood still isn't the peer's silence", async () => {
  const { peer, keepAlive } = watch();
  keepAlive.start();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
  await nextTurn();
  expect(peer).toMatchObject({ asked: 0, silent: [] });
  keepAlive.stop();
});

it("a peer that answers each time is never given up", async () => {
  const { peer, keepAlive } = watch();
  peer.answers = true;
  keepAlive.start();
  await expect.poll(() => peer.asked).toBeGreaterThan(3);
  expect(peer.silent).toEqual([]);
  keepAlive.stop();
});
