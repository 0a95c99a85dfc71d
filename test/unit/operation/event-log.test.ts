import { expect, it } from "vitest";
import { EventLog } from "../../../src/daemon/operation/event-log.ts";

async function collect(log: EventLog, from?: number): Promise<unknown[]> {
  const events: unknown[] = [];
  for await (const { data } of log.follow(from)) events.push(data);
  return events;
}

it("is followed from any point, by those who come early and late alike", async () => {
  const log = new EventLog();
  const early = collect(log);
  for (let n = 0; n < 3; n++) log.add({ event: "tick", data: n });
  const late = collect(log, 1);
  log.end();
  expect(await early).toEqual([0, 1, 2]);
  expect(await late).toEqual([1, 2]);
  expect(await collect(log, 2)).toEqual([2]);
});

it("keeps the newest of more events than it holds", async () => {
  const log = new EventLog();
  for (let n = 0; n < 2_500; n++) log.add({ event: "tick", data: n });
  log.end();
  const kept = await collect(log);
  expect(kept).toHaveLength(1_000);
  expect(kept.at(-1)).toBe(2_499);
});

it("drops words about progress before steps, and numbers stay what they were", async () => {
  const log = new EventLog();
  for (let n = 0; n < 3_000; n++) log.add({ event: n % 10 === 0 ? "step" : "progress", data: n });
  log.end();
  const kept: number[] = [];
  for await (const { event, number, data } of log.follow(5)) {
    expect(data).toBe(number);
    if (event === "step") kept.push(number);
  }
  expect(kept).toEqual(Array.from({ length: 299 }, (_, index) => (index + 1) * 10));
  expect(log.kept).toHaveLength(1_000);
  expect(log.next).toBe(3_000);
});

it("is left at any time", async () => {
  const log = new EventLog();
  const leaving = new AbortController();
  const following = log.follow(0, leaving.signal).next();
  leaving.abort(new Error("left"));
  await expect(following).rejects.toThrow("left");
});
