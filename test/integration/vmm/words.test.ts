import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { tmpdir } from "node:os";
import { afterEach, beforeEach, expect, it } from "vitest";
import { reportError } from "../../../src/cli/report-error.ts";
import { vmFields } from "../../../src/cli/command/vm/render.ts";
import { AgentExec } from "../../../src/daemon/guest/agent-exec.ts";
import { frameType } from "../../../src/daemon/guest/agent-frame.ts";
import type { AgentLink } from "../../../src/daemon/guest/agent-link.ts";
import { awaitReady } from "../../../src/daemon/guest/await-ready.ts";
import type { HelperLink } from "../../../src/daemon/helper/helper-link.ts";
import { createRunner } from "../../../src/daemon/process/run.ts";
import { errorOfExit } from "../../../src/daemon/vm/lifecycle/exit.ts";
import { createQemuDriver } from "../../../src/daemon/vmm/qemu/qemu-driver.ts";
import type { HelperDeps } from "../../../src/helper/deps.ts";
import { processFacts } from "../../../src/helper/process/process-facts.ts";
import { lastWords } from "../../../src/helper/vmm/last-words.ts";
import { vmmStatus } from "../../../src/helper/vmm/status.ts";
import type { Layout } from "../../../src/installation/layout.ts";
import { BangerError } from "../../../src/rpc/contract/errors.ts";
import { createPeerCredentials } from "../../../src/rpc/peer-credentials.ts";
import { Spans } from "../../../src/telemetry/spans.ts";
import { startTracer } from "../../../src/telemetry/tracer.ts";

/** What a guest or its VMM says: a title, a cleared screen, a line of its own that looks like ours, turned writing, no UTF-8. */
const words =
  "\u001b]0;owned\u0007no\u001b[2J\u009b1A\r\nstate  stopped\u202e\u2066\u2028\u061c\u0000\b\u007f\ufffd room";
const opId = `op-${"0".repeat(32)}`;
// oxlint-disable-next-line no-control-regex
const moves = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;
const forEver = new AbortController().signal;
const exit = { how: "exited", status: 1, signal: null, at: "" } as const;
const thrown = async (work: Promise<unknown>) => {
  const error = await work.then(
    () => undefined,
    (failure: unknown) => failure,
  );
  let shown = "";
  reportError(error, false, (text) => (shown += text));
  return shown;
};

let directory: string;
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), "banger-words-"))));
afterEach(() => rmSync(directory, { recursive: true }));

it("a VMM that has just ended is asked for its words before they are written down, and they are waited for", async () => {
  const log = join(directory, "log");
  const recorder = spawn("sh", ["-c", `read -r _; echo no room > ${log}`], { stdio: ["pipe", "ignore", "inherit"] });
  const process = processFacts(recorder.pid ?? 0);
  const ended = { generation: 1, status: 1, signal: null, at: "" };
  const vmm = { generation: 1, started_at: "", ...process, starttime: "0", recorder: process };
  const facts = { vm: () => ({ vm_id: "x", uid: 1, vmm, exit: ended }) };
  const asked = vmmStatus({ facts, layout: { vmmLog: () => log } } as unknown as HelperDeps, "x");
  // What needs nothing of another process is answered before the next turn.
  expect(await Promise.race([asked, new Promise((resolve) => setImmediate(resolve, "waits"))])).toBe("waits");
  recorder.stdin.end("\n");
  expect(await asked).toMatchObject({ running: false, last_words: "no room" });
});

/** Each place in which such words come to a person, and in how many lines at most. */
it.each<[string, number, () => string | Promise<string>]>([
  ["the end of a VMM in a VM's record", 1, () => errorOfExit({ exit, words, console: words }, opId)?.message ?? ""],
  [
    "the end of a VMM in `vm show`, beside the state",
    2,
    () =>
      vmFields({
        error: errorOfExit({ exit, words, console: words }, opId),
        image: { id: "", name: "" },
        kernel: { id: "", name: "" },
        vmm: "",
        id: "",
        created_at: "",
      } as never)
        .split("\n")
        .filter((line) => line.startsWith("error") || line.startsWith("state"))
        .join("\n"),
  ],
  [
    "the last words that the helper reads",
    1,
    () => {
      const vmmLog = () => join(directory, "log");
      writeFileSync(vmmLog(), words);
      return lastWords({ layout: { vmmLog } as unknown as Layout }, "x");
    },
  ],
  [
    "a VMM that can't be connected to",
    2,
    () => {
      const helper = { call: async () => ({ running: false, last_words: words }) } as unknown as HelperLink;
      const sockets = () => ({ directory, qmp: join(directory, "q"), agent: join(directory, "a") });
      const driver = createQemuDriver({ helper, layout: { sockets }, ownerUid: 1, peerOf: createPeerCredentials() });
      return thrown(driver.connect("x", forEver));
    },
  ],
  [
    "a command that a guest could not start",
    2,
    () => {
      const exec = new AgentExec(
        { argv: ["x"], onStdout: () => undefined, onStderr: () => undefined },
        async () => undefined,
      );
      const payload = Buffer.concat([Buffer.from([2, 1, 0, 0, 0]), Buffer.from(words)]);
      const running = thrown(exec.run());
      exec.receive({ session: 1, stream: 1, type: frameType.exit, flags: 0, payload });
      return running;
    },
  ],
  [
    "the console behind a boot that failed",
    5,
    () => {
      const agent = {
        ready: () => Promise.reject(new BangerError("deadline_exceeded", "late")),
      } as unknown as AgentLink;
      const guest = { agent, lost: Promise.resolve(), tail: () => words };
      return thrown(awaitReady(guest, forEver, 1));
    },
  ],
  [
    "a program that a disk's content makes complain",
    4,
    () => {
      const run = createRunner({ spans: new Spans(startTracer("words", () => undefined)) });
      const program = join(directory, "bin", "program");
      mkdirSync(dirname(program));
      writeFileSync(program, `#!/bin/sh\nprintf '%b' 'a\\033[2Jb\\0233c' >&2; exit 1\n`, { mode: 0o755 });
      return thrown(run({ file: program, args: [], signal: forEver }));
    },
  ],
])("in %s they move no cursor and make no line of their own", async (_, lines, tell) => {
  const shown = await tell();
  expect(shown.replaceAll("\n", "")).not.toMatch(moves);
  expect(shown).not.toContain("owned");
  expect(shown.trimEnd().split("\n").length).toBeLessThanOrEqual(lines);
  expect(shown).not.toBe("");
});
