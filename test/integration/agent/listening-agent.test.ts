import { once } from "node:events";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { AgentClient } from "../../../src/daemon/guest/agent-client.ts";
import { AgentLink } from "../../../src/daemon/guest/agent-link.ts";
import { attach, type GuestSocket, listeningAgent, openGuest } from "../../support/agent.ts";

let guest: GuestSocket;
beforeAll(async () => {
  guest = await listeningAgent();
}, 120_000);
afterAll(() => guest[Symbol.asyncDispose]());

const never = new AbortController().signal;

async function say(agent: Pick<AgentClient, "exec">, script: string): Promise<string> {
  const out: Uint8Array[] = [];
  const end = await agent.exec({
    argv: ["sh", "-c", script],
    user: String(process.getuid?.()),
    onStdout: (bytes) => void out.push(bytes),
    onStderr: () => undefined,
  });
  expect(end).toEqual({ exitCode: 0, signal: null });
  return Buffer.concat(out).toString();
}

it("a host that comes back takes the place of the one before, whose command ends", async () => {
  const first = await attach(guest);
  const begun = Promise.withResolvers<void>();
  const unfinished = first.exec({
    argv: ["sh", "-c", "echo begun; exec sleep 1000"],
    user: String(process.getuid?.()),
    onStdout: () => begun.resolve(),
    onStderr: () => undefined,
  });
  // From now on: it may end before the second is there.
  const ends = expect(unfinished).rejects.toThrow(/connection/);
  await begun.promise;
  const second = await attach(guest);
  await ends;
  expect(await first.ended).toMatchObject({ why: "lost" });
  expect(await say(second, "echo two")).toBe("two\n");
  second.close();
});

it("half a frame that a host left is nothing to the next one", async () => {
  const rude = await openGuest(guest.path, never);
  rude.write(Buffer.from("BNG1 and no more"));
  rude.end();
  await once(rude.resume(), "close");
  const agent = await attach(guest);
  expect(await say(agent, "echo three")).toBe("three\n");
  agent.close();
});

it("a link finds the agent again after each loss of its connection", async () => {
  const opened: { destroy(): void }[] = [];
  const link = new AgentLink({
    openAgent: async (signal) => {
      const socket = await openGuest(guest.path, signal);
      opened.push(socket);
      return socket;
    },
    now: () => BigInt(Date.now()) * 1_000_000n,
  });
  link.start();
  for (const word of ["a", "b", "c"]) {
    await link.ready(never, 30_000);
    expect(await say(link, `echo ${word}`)).toBe(`${word}\n`);
    opened.at(-1)?.destroy();
    await expect.poll(() => link.state).toBe("attaching");
  }
  await link.ready(never, 30_000);
  expect(opened.length).toBeGreaterThanOrEqual(4);
  link.close();
});
