import { expect, it } from "vitest";
import { whyItIsSilent } from "../../../src/cli/silent-daemon.ts";
import type { Ran } from "../../../src/setup/host/run-program.ts";

type Properties = Readonly<Record<string, string>>;

const starting = { ActiveState: "activating", NRestarts: "7" };
const active = { ActiveState: "active", NRestarts: "7" };
const again = (restarts: number) => ({ ActiveState: "activating", Result: "exit-code", NRestarts: `${restarts}` });

/** A systemd whose daemon's unit is each time what the next of `states` says, and a daemon that answers after the last one. */
function scripted(states: readonly Properties[], journal: string) {
  let looks = 0;
  const asked: string[] = [];
  const ok = (stdout: string): Ran => ({ code: 0, stdout, stderr: "" });
  const run = async (file: string) => {
    if (file === "/usr/bin/journalctl") return ok(journal);
    const state = { Id: "bangerd.service", ...states[looks++] };
    return ok(
      Object.entries(state)
        .map((entry) => `${entry.join("=")}\n`)
        .join(""),
    );
  };
  return { asked, run, ask: () => void asked.push("ping"), heard: () => looks >= states.length, looks: () => looks };
}

const words = 'Started bangerd.service\n{"level":"error","time":"T","message":"no room"}\n';

it.each<readonly [string, readonly Properties[], string, string]>([
  [
    "was given up",
    [{ ActiveState: "failed", Result: "start-limit-hit" }, active],
    words,
    "bangerd.service is failed (start-limit-hit); it said last: T ERROR no room",
  ],
  [
    "fails again and again",
    [again(7), again(8), again(9), active],
    words,
    "bangerd.service fails again and again: systemd has started it anew 9 times; it said last: T ERROR no room",
  ],
  [
    "fails each time that it has begun to serve, and whose journal the caller may not read",
    [active, again(8), { ...active, NRestarts: "9" }, active],
    "",
    "bangerd.service fails again and again: systemd has started it anew 9 times",
  ],
])("a daemon that %s is waited for no longer", async (_, states, journal, message) => {
  const { run, ask, heard } = scripted(states, journal);
  const failure = await whyItIsSilent({ run, ask, heard, over: new AbortController().signal, everyMs: 1 });
  expect(failure).toMatchObject({
    code: "daemon_unavailable",
    message,
    details: { hint: expect.stringMatching(/`banger system status`.*`journalctl -u bangerd`/) as string },
  });
});

it.each<readonly [string, readonly Properties[]]>([
  ["is slow to start", [starting, starting, starting, starting]],
  ["is busy", [active, active, active, active]],
  ["was started often, and is replaced once", [again(7), again(8), { ...starting, NRestarts: "8" }, active]],
  ["is started anew by hand", [again(7), { ActiveState: "activating", NRestarts: "0" }, active]],
  ["systemd doesn't know", [{ ActiveState: "unknown" }, {}]],
])("a daemon that %s is waited for", async (_, states) => {
  const { asked, run, ask, heard, looks } = scripted(states, words);
  expect(await whyItIsSilent({ run, ask, heard, over: new AbortController().signal, everyMs: 1 })).toBeUndefined();
  expect(looks()).toBe(states.length);
  expect(asked).toEqual(["ping"]);
});

it("nothing is asked once nobody waits any more", async () => {
  const { asked, run, ask, heard, looks } = scripted([active], words);
  expect(await whyItIsSilent({ run, ask, heard, over: AbortSignal.abort(), everyMs: 1 })).toBeUndefined();
  expect([asked, looks()]).toEqual([[], 0]);
});
