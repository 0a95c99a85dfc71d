import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { BangerError } from "../../../src/rpc/contract/errors.ts";
import type { Handlers, RequestContext } from "../../../src/rpc/dispatch.ts";
import type { daemonContract } from "../../../src/rpc/contract/daemon.ts";
import type { Vm } from "../../../src/rpc/contract/vm.ts";
import { CliHost, endOf } from "../../support/scripted-daemon.ts";

const vm: Vm = {
  id: "0123456789abcdef",
  name: "web",
  state: "running",
  image: { id: "a".repeat(64), name: "bookworm" },
  kernel: { id: "b".repeat(64), name: "6.1" },
  cpus: 1,
  memory_mib: 512,
  disk_mib: 20_480,
  address: "10.77.0.2",
  mac: "02:00:00:00:00:02",
  vmm: "qemu",
  accel_why: null,
  health: "ok",
  exit: null,
  accel: "tcg",
  pid: 1,
  generation: 1,
  created_at: "2026-11-25T08:00:00.000Z",
  started_at: "2026-11-25T08:00:00.000Z",
  last_used_at: "2026-11-25T08:00:00.000Z",
  error: null,
};

const base64 = (text: string) => Buffer.from(text).toString("base64");

/** A guest of a few commands. */
const vmExec: Handlers<typeof daemonContract>["vmExec"] = async ({ argv: [file = "", ...args] }, context) => {
  switch (file) {
    case "exit":
      return { exit_code: Number(args[0]), signal: null };
    case "cat":
      for await (const chunk of context.input) await context.emit("stdout", Buffer.from(chunk).toString("base64"));
      context.signal.throwIfAborted();
      return { exit_code: 0, signal: null };
    case "seq":
      return seq(context);
    case "words":
      await context.emit("stderr", base64("a word\n"));
      return { exit_code: 3, signal: null };
    case "locked":
      throw failedStart(13, "locked: Permission denied");
    default:
      throw failedStart(2, `${file}: No such file or directory`);
  }
};

async function seq({ signal, emit }: RequestContext): Promise<never> {
  for (let n = 1; !signal.aborted; n++) await emit("stdout", base64(`${n}\n`));
  throw signal.reason as Error;
}

function failedStart(errno: number, text: string): BangerError {
  return new BangerError("command_failed", `the command could not be started: ${text}`, { details: { errno } });
}

let host: CliHost;
beforeAll(async () => {
  host = new CliHost();
  await host.serve({
    vmExec,
    vmList: async () => ({ vms: [vm] }),
    vmShow: () => Promise.reject(new BangerError("not_found", "vm: no VM is called nope")),
    vmDelete: async () => ({ id: vm.id, name: vm.name }),
    vmStart: async (_, { emit, signal }) => {
      for (const step of ["one", "two", "three", "four"]) {
        signal.throwIfAborted();
        await emit("step", { step, phase: "started", elapsed_ms: 0 });
        await emit("step", { step, phase: "completed", elapsed_ms: 1 });
      }
      return vm;
    },
    vmSsh: () => Promise.reject(new Error("must not be asked")),
    traceShow: async () => ({ op_id: `op-${"1".repeat(32)}`, spans: [] }),
    traceSubmit: async ({ spans }) => ({ accepted: spans.length }),
  });
});
afterAll(() => host[Symbol.asyncDispose]());
beforeEach(() => void host.outcomes.splice(0));

describe("a caller who stays", () => {
  it("a pipe whose writer stays doesn't keep an exec that has ended", async () => {
    const child = host.spawn(["vm", "exec", "-i", "web", "--", "exit", "7"]);
    expect(await endOf(child)).toEqual({ code: 7, stdout: "", stderr: "" });
  });

  it.each([
    ["a FIFO whose writer stays", "mkfifo f; exec 3<>f; banger vm exec -i web -- exit 7 <f"],
    [
      "a terminal",
      `mkfifo t; exec 4<>t; script -qefc "$(declare -f banger); banger vm exec -i web -- exit 7" /dev/null <t`,
    ],
  ])("%s doesn't either", async (_, line) => {
    expect((await host.bash(`cd "$(mktemp -d -p .)"; ${line}`)).code).toBe(7);
  });

  it("input arrives whole, and its end", async () => {
    const { code, stdout } = await host.bash(
      "seq 200000 | banger vm exec -i web -- cat | sha256sum; seq 200000 | sha256sum",
    );
    const [ours, theirs] = stdout.trim().split("\n");
    expect(ours).toBe(theirs);
    expect(code).toBe(0);
  });

  it.each([
    ["a directory", "</tmp", "EISDIR"],
    ["a descriptor that is only for writing", "0>only-write", "EBADF"],
  ])("%s on standard input is an error, not an end", async (_, redirection, why) => {
    const { code, stderr } = await host.bash(`banger vm exec -i web -- cat ${redirection}`);
    expect(stderr).toMatch(new RegExp(`^banger: .*standard input can't be read: ${why} \\(op-[0-9a-f]{32}\\)\\n`));
    expect(code).toBe(64);
    expect(host.outcomes.at(-1)).toMatchObject({ method: "trace.submit" });
    expect(host.outcomes.at(-2)?.error?.code).toBe("cancelled");
  });
});

describe("a reader who goes", () => {
  it.each([
    ["leaves", "banger vm start web 2>&1 | head -1"],
    ["is full", "banger vm start web 2>/dev/full"],
    ["is closed", "banger vm start web 2>&-"],
  ])("standard error that %s is no reason to cancel", async (_, line) => {
    expect((await host.bash(`set -o pipefail; ${line}`)).code).toBe(0);
    expect(host.outcomes.find(({ method }) => method === "vm.start")?.error).toBeUndefined();
  });

  it("a full standard error changes no exit code", async () => {
    expect((await host.bash("banger vm show nope 2>/dev/full")).code).toBe(66);
  });

  it.each([
    "vm ls",
    "vm ls --json",
    "vm exec web -- seq",
    "vm exec --json web -- exit 0",
    "trace show last",
    "--help",
    "completion bash",
  ])("%s on a full standard output is one line and the table's exit code", async (line) => {
    const { code, stderr } = await host.bash(`banger ${line} >/dev/full`);
    expect(stderr.replace(/^\{"error".*/, "banger: standard output can't be written: ENOSPC\n")).toMatch(
      /^banger: standard output can't be written: ENOSPC( \(op-[0-9a-f]{32}\))?\n([^\n]* \[output_failed\]\n)?\n?$/,
    );
    expect(code).toBe(74);
  });

  it("a pipe whose reader leaves ends the command in the guest, quietly", async () => {
    const { code, stdout, stderr } = await host.bash("set -o pipefail; banger vm exec web -- seq | head -1");
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "1\n", stderr: "" });
    expect(host.outcomes.find(({ method }) => method === "vm.exec")?.error?.code).toBe("cancelled");
  });

  it("an exec whose standard error nobody reads goes on", async () => {
    expect((await host.bash("banger vm exec web -- words 2>/dev/full")).code).toBe(3);
  });
});

describe("a command in the guest", () => {
  it.each([
    ["nosuchcommand", 127],
    ["locked", 126],
  ])("%s exits with %i, as in a shell", async (file, exit) => {
    const { code, stderr } = await host.run(["vm", "exec", "web", "--", file]);
    expect(code).toBe(exit);
    expect(stderr).toMatch(
      new RegExp(`^banger: vm\\.exec: the command could not be started: ${file}: .* \\(op-[0-9a-f]{32}\\)\n`),
    );
  });

  it("too many arguments are one line that names the limit", async () => {
    const { code, stderr } = await host.run([
      "vm",
      "exec",
      "web",
      "--",
      "echo",
      ...Array.from({ length: 20 }, () => "a".repeat(60_000)),
    ]);
    expect(stderr).toMatch(
      /^banger: vm\.exec: 1200\d+ bytes are more than the 1048576 of one frame \(op-[0-9a-f]{32}\)\nSend less/,
    );
    expect(code).toBe(70);
  });

  it("an argument that isn't UTF-8 is refused, not changed; U+FFFD itself is taken", async () => {
    const { code, stderr } = await host.bash("banger vm exec web -- exit $'\\xff'");
    expect(stderr).toMatch(/^banger: the argument .* is not UTF-8\n.*vm exec -i/);
    expect(code).toBe(64);
    expect((await host.bash("banger vm exec web -- exit 4 $'\\xef\\xbf\\xbd'")).code).toBe(4);
  });

  it("vm ssh --json with a command says that it runs none", async () => {
    const { code, stderr } = await host.run(["vm", "ssh", "web", "--json", "--", "uptime"]);
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: "usage", message: /runs no command/ } });
    expect(code).toBe(64);
  });
});

it("global flags before the noun, and vm rm", async () => {
  const { stdout } = await host.run(["--json", "vm", "ls"]);
  expect(JSON.parse(stdout)).toMatchObject({ vms: [{ name: "web" }] });
  expect((await host.run(["vm", "rm", "web"])).code).toBe(0);
});

it("a command that only reads is no operation", async () => {
  await host.run(["vm", "ls"]);
  expect(host.outcomes.map(({ method, traced }) => ({ method, traced }))).toEqual([
    { method: "vm.list", traced: false },
  ]);
});
