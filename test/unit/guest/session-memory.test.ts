import { duplexPair } from "node:stream";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { AgentClient } from "../../../src/daemon/guest/agent-client.ts";
import { ScriptedAgent } from "../../support/scripted-agent.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const nothing = () => undefined;
const times = 2_000;
/** What is kept of one is more; what the measuring itself leaves is far less. */
const leastBytes = 100;

/** By how much the heap grows each time. */
async function growth(work: () => Promise<unknown>): Promise<number> {
  const round = async () => {
    for (let n = 0; n < times; n++) await work();
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    return process.memoryUsage().heapUsed;
  };
  await round();
  const before = await round();
  return ((await round()) - before) / times;
}

/** A session with an agent that answers, and that agent. */
async function begin() {
  const [ours, theirs] = duplexPair();
  const agent = new ScriptedAgent();
  agent.version = 4;
  agent.serve(theirs);
  const { signal } = new AbortController();
  return { agent, client: await AgentClient.attach({ stream: ours, signal, deadlineMs: 10_000 }) };
}

it.each<[string, (client: AgentClient) => Promise<unknown>]>([
  ["a question", (client) => client.usage()],
  ["a command", (client) => client.exec({ argv: ["true"], onStdout: nothing, onStderr: nothing })],
])("%s leaves nothing behind in a session that goes on", async (_, work) => {
  const { client } = await begin();
  expect(await growth(() => work(client))).toBeLessThan(leastBytes);
  client.close();
});

it("who waits when a session ends hears why", async () => {
  const { agent, client } = await begin();
  agent.manner = "silent";
  const asked = client.usage();
  client.close();
  await expect(asked).rejects.toMatchObject({ code: "guest_died" });
  await expect(client.usage()).rejects.toMatchObject({ code: "guest_died" });
});
