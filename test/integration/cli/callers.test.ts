import { type ChildProcess, execFileSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants as files, mkdtempSync, openSync, writeSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
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
const vmExec: Handlers<typeof daemonContract>["vmExec"] = async ({ argv: [file = "", ...args], env, cwd }, context) => {
  switch (file) {
    case "exit":
      return { exit_code: Number(args[0]), signal: null };
    case "cat":
      for await (const chunk of context.input) await context.emit("stdout", Buffer.from(chunk).toString("base64"));
      context.signal.throwIfAborted();
      return { exit_code: 0, signal: null };
    case "seq":
      return seq(context);
    case "flood":
      for (const piece = Buffer.alloc(700_000).toString("base64"); !context.signal.aborted; )
        await context.emit(args[0] ?? "stdout", piece);
      throw context.signal.reason as Error;
    case "words":
      await context.emit("stderr", base64("a word\n"));
      return { exit_code: Number(args[0]), signal: null };
    case "bytes":
      await context.emit("stdout", Buffer.from([0xff, 0x0a]).toString("base64"));
      await context.emit("stderr", base64("é\n"));
      return { exit_code: 0, signal: null };
    case "asked":
      await context.emit("stdout", base64(JSON.stringify({ argv: [file, ...args], env, cwd })));
      return { exit_code: 0, signal: null };
    case "hungry":
      return { exit_code: null, signal: 9, out_of_memory: true };
    case "signals":
      return signals(args[0] === "stubborn", context);
    case "nowhere":
      // Nothing takes signals yet: its guest is waited for.
      begun.resolve();
      await once(context.signal, "abort");
      throw context.signal.reason as Error;
    case "locked":
      throw failedStart(13, "locked: Permission denied");
    default:
      throw failedStart(2, `${file}: No such file or directory`);
  }
};

/** A VM that boots until it is cancelled, or is up and runs a guest's command. */
const vmRun: Handlers<typeof daemonContract>["vmRun"] = async ({ argv, ...params }, context) => {
  if (argv[0] !== "signals") return vmExec({ ...params, vm: "web", argv: ["nowhere"] }, context) as never;
  await context.emit("started", { vm });
  return { vm, removed: false, ...(await signals(false, context)) };
};

async function seq({ signal, emit }: RequestContext, event = "stdout"): Promise<never> {
  for (let n = 1; !signal.aborted; n++) await emit(event, base64(`${n}\n`));
  throw signal.reason as Error;
}

/** Says which signals come, and ends by the first, or by SIGKILL. */
async function signals(stubborn: boolean, { takeSignals, emit, signal }: RequestContext) {
  const ended = Promise.withResolvers<number>();
  const told: number[] = [];
  signal.addEventListener("abort", () => ended.reject(signal.reason as Error));
  takeSignals?.((number) => {
    told.push(number);
    if (number === constants.signals.SIGKILL || !(stubborn || number === constants.signals.SIGUSR1))
      ended.resolve(number);
    else void emit("stdout", base64(`got ${number}\n`));
  });
  await emit("stdout", base64("up\n"));
  const last = await ended.promise;
  await emit("stdout", base64(`${told.join(" ")}\n`));
  return { exit_code: null, signal: last };
}

function failedStart(errno: number, text: string): BangerError {
  return new BangerError("command_failed", `the command could not be started: ${text}`, { details: { errno } });
}

/** Resolves when a command that never ends is under way. */
let begun = Promise.withResolvers<void>();

let host: CliHost;
beforeAll(async () => {
  host = new CliHost();
  await host.serve({
    vmExec,
    vmRun,
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
    vmStop: async (_, { emit, signal }) => {
      await emit("progress", { text: "waiting" });
      await once(signal, "abort");
      throw signal.reason as Error;
    },
    vmLogs: async (_, context) => seq(context, "data"),
    vmSsh: () => Promise.reject(new Error("must not be asked")),
    traceShow: async () => ({ op_id: `op-${"1".repeat(32)}`, spans: [] }),
    traceSubmit: async ({ spans }) => ({ accepted: spans.length }),
  });
});
afterAll(() => host[Symbol.asyncDispose]());
beforeEach(() => {
  host.outcomes.splice(0);
  begun = Promise.withResolvers();
});

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
      /^banger: ((vm|trace) [a-z]+: )?standard output can't be written: ENOSPC( \(op-[0-9a-f]{32}\))?\n([^\n]* \[output_failed\]\n)?\n?$/,
    );
    expect(code).toBe(74);
  });

  it("a pipe whose reader leaves ends the command in the guest, quietly", async () => {
    const { code, stdout, stderr } = await host.bash("set -o pipefail; banger vm exec web -- seq | head -1");
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "1\n", stderr: "" });
    expect(host.outcomes.find(({ method }) => method === "vm.exec")?.error?.code).toBe("cancelled");
  });

  it.each([
    ["is full, with its own exit code", "words 3 2>/dev/full", 3],
    ["is full, and says by the table's that words are lost", "words 0 2>/dev/full", 74],
    ["is closed, as if that were wished", "words 0 2>&-", 0],
    ["leaves, as if that were wished", "words 0 2> >(:)", 0],
  ])("an exec whose standard error %s, goes on", async (_, words, code) => {
    expect((await host.bash(`banger vm exec web -- ${words}`)).code).toBe(code);
  });
});

describe("a reader who stands still", () => {
  it("holds up the end of an interrupted command for a moment only", async () => {
    using fifo = standingFifo(host.directory);
    const child = host.spawn(["vm", "logs", "-f", "web"], ["ignore", fifo.fd, "pipe"]);
    await expect.poll(() => fifo.isFull()).toBe(true);
    child.kill("SIGTERM");
    expect(await endOf(child)).toMatchObject({ code: 143 });
  });

  it("holds up a last word that waits when the signal comes no longer", async () => {
    using fifo = standingFifo(host.directory);
    while (!fifo.isFull());
    const child = host.spawn(["vm", "show", "nope"], ["ignore", "pipe", fifo.fd]);
    await expect.poll(() => host.outcomes).toMatchObject([{ method: "vm.show" }]);
    child.kill("SIGTERM");
    expect([66, 143]).toContain((await endOf(child)).code);
  });
});

/** A pipe that is held open and never read. */
function standingFifo(directory: string): { readonly fd: number; isFull(): boolean } & Disposable {
  const path = join(mkdtempSync(join(directory, "fifo-")), "f");
  execFileSync("mkfifo", [path]);
  const fd = openSync(path, files.O_RDWR | files.O_NONBLOCK);
  return {
    fd,
    isFull: () => {
      try {
        return writeSync(fd, "x".repeat(1_024)) === 0;
      } catch (error) {
        return (error as NodeJS.ErrnoException).code === "EAGAIN";
      }
    },
    [Symbol.dispose]: () => closeSync(fd),
  };
}

/** Resolves when the program has said so. */
async function said(child: ChildProcess, words: string): Promise<void> {
  for (let text = ""; !text.includes(words); ) text += String((await once(child.stdout ?? child, "data"))[0]);
}

describe("a signal", () => {
  it.each(["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const)(
    "%s arrives in the guest as it was sent",
    async (name) => {
      const child = host.spawn(["vm", "exec", "web", "--", "signals"]);
      await said(child, "up\n");
      child.kill(name);
      const number = constants.signals[name];
      expect(await endOf(child)).toEqual({ code: 128 + number, stdout: `${number}\n`, stderr: "" });
    },
  );

  it("SIGUSR1 does too, and ends nothing; a second SIGINT kills", async () => {
    const child = host.spawn(["vm", "exec", "web", "--", "signals", "stubborn"]);
    await said(child, "up\n");
    child.kill("SIGUSR1");
    await said(child, "got 10\n");
    child.kill("SIGINT");
    await said(child, "got 2\n");
    child.kill("SIGINT");
    expect(await endOf(child)).toEqual({
      code: 137,
      stdout: "10 2 9\n",
      stderr: "killing the command (once more to leave at once)\n",
    });
  });

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)("%s before anything takes signals is the exit code all the same", async (name, exit) => {
    const child = host.spawn(["vm", "exec", "web", "--", "nowhere"]);
    await begun.promise;
    child.kill(name);
    expect((await endOf(child)).code).toBe(exit);
  });

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("%s cancels a run whose VM still boots, and says so", async (name, exit) => {
    const child = host.spawn(["vm", "run", "--", "true"]);
    await begun.promise;
    child.kill(name);
    const { code, stderr } = await endOf(child);
    expect(code).toBe(exit);
    expect(stderr).toMatch(/^cancelling .*\nbanger: vm\.run: cancelled by the caller /);
  });

  it("goes to the command of a run once its VM is up", async () => {
    const child = host.spawn(["vm", "run", "--quiet", "--", "signals"]);
    await said(child, "up\n");
    child.kill("SIGTERM");
    expect(await endOf(child)).toEqual({ code: 143, stdout: "15\n", stderr: "" });
  });

  it("Ctrl-C in a terminal does", async () => {
    const { code, stdout } = await host.bash(`cd "$(mktemp -d -p .)"; mkfifo t; exec 4<>t
      script -qefc "$(declare -f banger); banger vm exec web -- signals" log <t >out & child=$!
      until grep -q up out; do sleep 0.02; done; printf '\\003' >&4; wait $child; echo $?`);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "130\n" });
  });

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
    ["SIGQUIT", 131],
  ] as const)("%s cancels what runs nothing in a guest, and is the exit code", async (name, exit) => {
    const child = host.spawn(["vm", "stop", "web"]);
    await once(child.stderr ?? child, "data");
    child.kill(name);
    const { code, stderr } = await endOf(child);
    expect(code).toBe(exit);
    expect(stderr).toMatch(
      /^cancelling .*\nbanger: vm\.stop: cancelled by the caller \(op-[0-9a-f]{32}\)\n[^\n]*\[cancelled\]\n$/,
    );
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

  it.each([
    [
      "arguments",
      "$'\\xff' '' $'a\\xc3\\xa9\\xe2\\x82z' $'\\xef\\xbf\\xbd'",
      ["\udcff", "", "aé\udce2\udc82z", "\ufffd"],
      [],
      undefined,
    ],
    ["an environment", "", [], ["A=\udcff=b", "B=\udc80"], undefined],
    ["a directory", "", [], [], "/srv/\udcff"],
  ])("bytes in %s that aren't UTF-8 pass unchanged", async (_, args, argv, env, cwd) => {
    const flags = `${env.length === 0 ? "" : "-e $'A=\\xff=b' -e B"} ${cwd === undefined ? "" : "-C $'/srv/\\xff'"}`;
    const { stdout, stderr } = await host.bash(`export B=$'\\x80'; banger vm exec ${flags} web -- asked ${args}`);
    expect(stderr).toBe("");
    expect(JSON.parse(stdout)).toEqual({ argv: ["asked", ...argv], env, ...(cwd === undefined ? {} : { cwd }) });
  });

  it.each([
    ["vm show $'\\xff'", /^banger: the argument "\\udcff" is not UTF-8\n/],
    ["image import $'/tmp/\\xff.tar' --name x", /^banger: the argument .* is not UTF-8\n/],
    [
      "vm exec -e NOT_SET_HERE web -- exit 0",
      /^banger: vm exec: env: NOT_SET_HERE is not set here \(op-.*\nSet it, or say/,
    ],
    ["vm exec -e =x web -- exit 0", /^banger: vm\.exec: env: must be NAME=value/],
    ["vm exec -e 9=x web -- exit 0", /^banger: vm\.exec: env: must be NAME=value/],
    ["vm exec -e '' web -- exit 0", /^banger: vm exec: -e: is empty/],
    ["vm exec -u 'a b' web -- exit 0", /^banger: vm\.exec: user: /],
    ["vm exec -C here web -- exit 0", /^banger: vm\.exec: cwd: must be an absolute path/],
  ])("%s is refused by name", async (line, message) => {
    const { code, stderr } = await host.bash(`banger ${line}`);
    expect(stderr).toMatch(message);
    expect(code).toBe(64);
  });

  it("an argument as long as Linux passes one arrives", async () => {
    const { stdout } = await host.bash('banger vm exec web -- asked "$(head -c 131071 /dev/zero | tr "\\0" a)"');
    expect((JSON.parse(stdout) as { argv: string[] }).argv[1]).toHaveLength(131_071);
  });

  it.each([
    ["", { USER_SET: "of mine" }, ["A=1", "USER_SET=of mine"]],
    ["an empty one", { USER_SET: "" }, ["A=1", "USER_SET="]],
  ])("-e NAME passes the caller's own value %s", async (_, env, expected) => {
    const { stdout } = await host.bash(
      `export USER_SET='${env.USER_SET}'; banger vm exec -e A=1 -e USER_SET web -- asked`,
    );
    expect(JSON.parse(stdout)).toMatchObject({ env: expected });
  });

  it("whose output isn't UTF-8 has it in JSON as base64 too", async () => {
    const { stdout } = await host.run(["vm", "exec", "--json", "web", "--", "bytes"]);
    expect(JSON.parse(stdout)).toEqual({
      exit_code: 0,
      signal: null,
      stdout: "\ufffd\n",
      stdout_base64: "/wo=",
      stderr: "é\n",
    });
  });

  it.each(["stdout", "stderr"])(
    "that floods its %s is ended where JSON is asked for, which has it whole or not at all",
    async (stream) => {
      const { code, stdout, stderr } = await host.run(["vm", "exec", "--json", "web", "--", "flood", stream]);
      expect({ code, stdout }).toEqual({ code: 74, stdout: "" });
      expect(JSON.parse(stderr)).toMatchObject({
        error: {
          code: "output_failed",
          message: expect.stringMatching(
            /^vm exec: the command prints more than the 64 MiB that a result holds/,
          ) as string,
          details: { hint: expect.stringContaining("--json") as string },
        },
      });
      expect(host.outcomes.find(({ method }) => method === "vm.exec")?.error?.code).toBe("cancelled");
    },
  );

  it("says that the guest's memory was used up", async () => {
    const { code, stderr } = await host.run(["vm", "exec", "web", "--", "hungry"]);
    expect({ code, stderr }).toEqual({
      code: 137,
      stderr: "banger: vm.exec: hungry: killed, the guest is out of memory\n",
    });
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
