import { expect, it } from "vitest";
import type { AgentLink } from "../../../src/daemon/guest/agent-link.ts";
import { awaitBooted } from "../../../src/daemon/guest/await-booted.ts";
import { BangerError } from "../../../src/rpc/contract/errors.ts";

const forEver = new AbortController().signal;

/** An agent in whose guest the question is answered so, one answer after the other. */
function agentSaying(...answers: (string | BangerError)[]): Pick<AgentLink, "exec"> & { asked: number } {
  const agent = {
    asked: 0,
    exec: async ({ onStdout }: Parameters<AgentLink["exec"]>[0]) => {
      const answer = answers[agent.asked++] ?? "";
      if (typeof answer !== "string") throw answer;
      await onStdout(Buffer.from(answer));
      return { exitCode: 0, signal: null };
    },
  };
  return agent;
}

it.each<[string, (string | BangerError)[]]>([
  ["has no systemd", ["none\n"]],
  ["has no shell", [new BangerError("command_failed", "sh: no such file")]],
  ["is up", ["running\n"]],
  ["is up but for something", ["degraded\n"]],
  ["can't be reached at first", ["", "offline\n", "running\n"]],
])("an init that %s has booted", async (_, answers) => {
  const agent = agentSaying(...answers);
  await awaitBooted(agent, forEver);
  expect(agent.asked).toBe(answers.length);
});

it("an init in maintenance mode will not boot", async () => {
  await expect(awaitBooted(agentSaying("maintenance\n"), forEver)).rejects.toMatchObject({ code: "command_failed" });
});

it("what a hostile guest says without end is no answer, and costs nothing", async () => {
  const agent = agentSaying("running".repeat(100_000), "running");
  await awaitBooted(agent, forEver);
  expect(agent.asked).toBe(2);
});

it("a caller who leaves waits no longer", async () => {
  await expect(awaitBooted(agentSaying("starting"), AbortSignal.timeout(50))).rejects.toThrow();
});
