import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { AgentLink } from "../../../src/daemon/guest/agent-link.ts";
import { floods, type FloodName } from "../../support/flooding-guest.ts";
import { ScriptedAgent } from "../../support/scripted-agent.ts";
import { scriptedGuest, openGuest } from "../../support/agent.ts";

/** A time over which a share is measured: of some bursts and their rests. */
const measuredMs = 1_000;
/** A flood that isn't held back never gets below its bound; one that is does when all code is compiled. */
const measurements = 10;
const forEver = new AbortController().signal;
const nothing = () => undefined;
let directory: string;
let child: ChildProcess;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "banger-flood-"));
  child = spawn(process.execPath, ["test/support/flooding-guest.ts", directory], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (child.stdout !== null) await once(child.stdout, "data");
});
afterAll(() => {
  child.kill("SIGKILL");
  rmSync(directory, { recursive: true });
});

function linkTo(path: string): AgentLink {
  const link = new AgentLink({
    openAgent: (signal) => openGuest(path, signal),
    now: () => process.hrtime.bigint(),
  });
  link.start();
  return link;
}

/** The daemon's link to a guest that floods, from a process of its own. */
const flooded = (flood: FloodName) => linkTo(join(directory, flood));

/** What the daemon took while `work` was under way: its part of one processor, and the memory that it grew by at most. */
async function measured(work: () => Promise<unknown>): Promise<{ part: number; grownMib: number }> {
  const [cpu, began, rss] = [process.cpuUsage(), performance.now(), process.memoryUsage.rss()];
  let peak = rss;
  const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), 10);
  await work();
  clearInterval(watch);
  const { user, system } = process.cpuUsage(cpu);
  return { part: (user + system) / 1000 / (performance.now() - began), grownMib: (peak - rss) / 1024 / 1024 };
}

/** Input that has begun and doesn't end before `signal`. */
async function* endless(signal: AbortSignal): AsyncGenerator<Buffer> {
  yield Buffer.alloc(1);
  await once(signal, "abort");
}

it.each(Object.entries(floods))(
  "a flood of %s costs little, and no other guest its answers",
  async (name, { after }) => {
    const agent = new ScriptedAgent();
    await using other = await scriptedGuest((socket) => agent.serve(socket));
    const neighbour = linkTo(other.path);
    await neighbour.ready(forEver, 5_000);
    await neighbour.exec({ argv: ["true"], onStdout: nothing, onStderr: nothing });
    const link = flooded(name as FloodName);
    const ended = new AbortController();
    if (after === "exec") {
      await link.ready(forEver, 5_000);
      const running = link.exec({ argv: ["x"], stdin: endless(ended.signal), onStdout: nothing, onStderr: nothing });
      running.catch(() => undefined);
    }
    const seen: { part: number; grownMib: number; slowestMs: number }[] = [];
    const held = () => seen.some(({ part, slowestMs }) => part < 0.9 && slowestMs < 1_000);
    while (!held() && seen.length < measurements) {
      let slowestMs = 0;
      const taken = await measured(async () => {
        for (const until = performance.now() + measuredMs; performance.now() < until; ) {
          const began = performance.now();
          await neighbour.exec({ argv: ["true"], onStdout: nothing, onStderr: nothing });
          slowestMs = Math.max(slowestMs, performance.now() - began);
          await delay(5);
        }
      });
      seen.push({ ...taken, slowestMs });
    }
    ended.abort();
    link.close();
    neighbour.close();
    // Before there was a bound, each of them took the whole processor; the neighbour's own work is counted too.
    expect(held(), JSON.stringify(seen)).toBe(true);
    // Garbage that is not yet collected is counted too.
    for (const { grownMib } of seen) expect(grownMib).toBeLessThan(128);
  },
);

it.each<[FloodName, RegExp]>([
  ["zeros after hello", /silent: it sent bytes that are no frame/],
  ["wrong checksums", /silent: it sent a frame with a wrong checksum/],
  ["frames of another session", /silent: it sent a flood of frames that nobody asked for/],
  ["output of commands that there never were", /silent: it sent a flood of frames that nobody asked for/],
])("after a flood of %s the agent is silent at once, and it is said why", async (name, why) => {
  const link = flooded(name);
  const silent = Promise.withResolvers<void>();
  link.onState((state) => state === "silent" && silent.resolve());
  await silent.promise;
  await expect(link.exec({ argv: ["x"], onStdout: nothing, onStderr: nothing })).rejects.toMatchObject({
    code: "deadline_exceeded",
    message: expect.stringMatching(why) as string,
  });
  link.close();
});
