import { createServer } from "node:net";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AgentClient } from "../../../src/daemon/guest/agent-client.ts";
import type { ExecEnd, ExecRequest } from "../../../src/daemon/guest/agent-exec.ts";
import { bytesOfText } from "../../../src/rpc/byte-text.ts";
import type { BangerError } from "../../../src/rpc/contract/errors.ts";
import { attach, type GuestSocket, realAgent } from "../../support/agent.ts";

describe("the agent", () => {
  let guest: GuestSocket & { readonly ended: Promise<number | null>[] };
  let agent: AgentClient;
  beforeAll(async () => {
    guest = await realAgent();
    agent = await attach(guest);
  }, 120_000);
  afterAll(async () => {
    agent.close();
    expect(await Promise.all(guest.ended)).toEqual([0]);
    await guest[Symbol.asyncDispose]();
  });

  async function exec(
    argv: string[],
    rest: Partial<ExecRequest> = {},
  ): Promise<ExecEnd & { stdout: string; stderr: string }> {
    const out: Uint8Array[] = [];
    const err: Uint8Array[] = [];
    const end = await agent.exec({
      argv,
      // In a guest the agent is root; here it may be anybody, and can be nobody else.
      user: String(process.getuid?.()),
      onStdout: (b) => void out.push(b),
      onStderr: (b) => void err.push(b),
      ...rest,
    });
    return { ...end, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() };
  }
  async function* bytes(...parts: string[]) {
    for (const part of parts) yield Buffer.from(part);
  }

  it("tells the boot's timeline, and where its clock is", async () => {
    expect(agent.timeline.map((stage) => stage.name)).toEqual(["kernel", "ready"]);
    const now = () => process.hrtime.bigint();
    const anchor = await agent.clock.anchor(now);
    expect(anchor.uncertaintyNs).toBeLessThan(1_000_000_000n);
    expect(anchor.guestNs).toBeGreaterThan(0n);
  });

  it.each([
    ["the host's own", 0n],
    ["no time at all", 2n ** 64n - 1n],
    ["the beginning of time", 2n ** 63n],
  ])("answers to a time, which it sets on a port only: %s", async (_, hostNs) => {
    // Two at once are both answered.
    const anchor0 = { guestNs: 0n, hostNs, uncertaintyNs: 0n };
    await Promise.all([agent.clock.set(anchor0), agent.clock.set(anchor0)]);
    await agent.clock.set({ guestNs: hostNs, hostNs: 0n, uncertaintyNs: 0n });
  });

  it("tells the machine's memory, as its kernel counts it", async () => {
    const memory = await agent.usage();
    expect(memory?.totalBytes).toBe(
      Number(/^MemTotal: +(\d+)/.exec(readFileSync("/proc/meminfo", "utf8"))?.[1]) * 1024,
    );
    expect(memory?.availableBytes).toBeGreaterThan(0);
  });

  it.each(["127.0.0.1", "::1", "0.0.0.0"])("tells what listens, and who: on %s", async (address) => {
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen(0, address, resolve);
    });
    try {
      const { port } = server.address() as { port: number };
      // As the kernel calls the thread that is this process's first; a machine on which much runs is not looked through.
      const ownName = readFileSync("/proc/self/comm", "utf8").trimEnd();
      const { ports } = await agent.ports();
      const [found, ...more] = ports.filter((one) => one.port === port);
      expect(found).toMatchObject({ protocol: "tcp", address });
      expect([ownName, null]).toContain(found?.process);
      expect(more).toEqual([]);
    } finally {
      server.close();
    }
  });

  it.each([
    [
      "keeps stdout and stderr apart",
      ["sh", "-c", "echo a; echo b >&2"],
      {},
      { stdout: "a\n", stderr: "b\n", exitCode: 0 },
    ],
    ["passes an exit code", ["sh", "-c", "exit 42"], {}, { exitCode: 42, signal: null }],
    ["passes a signal", ["sh", "-c", "kill -TERM $$"], {}, { exitCode: null, signal: 15 }],
    [
      "passes an environment over the default one",
      ["sh", "-c", "echo $A $LANG $PATH"],
      { env: ["A=b c"] },
      { stdout: "b c C.UTF-8 /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n" },
    ],
    ["sets the working directory", ["pwd"], { cwd: "/usr" }, { stdout: "/usr\n" }],
    ["closes stdin when none is given", ["cat"], {}, { stdout: "", exitCode: 0 }],
    ["keeps empty arguments", ["printf", "[%s]", "", "x"], {}, { stdout: "[][x]" }],
  ])("%s", async (_, argv, rest, expected) => {
    expect(await exec(argv, rest)).toMatchObject(expected);
  });

  it("passes stdin, in pieces, to its end", async () => {
    expect(await exec(["cat"], { stdin: bytes("one ", "", "two") })).toMatchObject({ stdout: "one two", exitCode: 0 });
  });

  it("passes 8 MiB both ways whole, to a slow reader too", async () => {
    const chunk = Buffer.alloc(65_536, "x");
    async function* much() {
      for (let n = 0; n < 128; n++) yield chunk;
    }
    let received = 0;
    const onStdout = async (data: Uint8Array) => {
      received += data.length;
      if (received % 1_048_576 < data.length) await new Promise(setImmediate);
    };
    expect(await exec(["cat"], { stdin: much(), onStdout })).toMatchObject({ exitCode: 0 });
    expect(received).toBe(8_388_608);
  });

  it("runs 64 commands at a time, and says that one more is too many", async () => {
    const abort = new AbortController();
    const long = Array.from({ length: 64 }, () =>
      exec(["sleep", "60"], { signal: abort.signal }).catch((error: unknown) => error),
    );
    await expect(exec(["true"])).rejects.toMatchObject({
      code: "command_failed",
      message: expect.stringMatching(/too many/) as string,
    });
    abort.abort(new Error("enough"));
    expect((await Promise.all(long)).every((error) => (error as Error).message === "enough")).toBe(true);
    expect(await exec(["true"])).toMatchObject({ exitCode: 0 });
  });

  it("ends a command whose caller leaves, and all of its group", async () => {
    const abort = new AbortController();
    // No other process of this host sleeps for so long.
    const [first, second] = [process.pid + 1_000_000_000, process.pid + 2_000_000_000];
    const running = exec(["sh", "-c", `sleep ${first} & sleep ${second}`], {
      signal: abort.signal,
      onStdout: () => undefined,
    });
    abort.abort(new Error("left"));
    await expect(running).rejects.toThrow("left");
    expect(await exec(["sh", "-c", `pgrep -f '^sleep (${first}|${second})' || true`])).toMatchObject({ stdout: "" });
  });

  it("ends one that ignores SIGTERM", async () => {
    const abort = new AbortController();
    const onStdout = () => abort.abort(new Error("left"));
    await expect(
      exec(["sh", "-c", "trap '' TERM; echo up; while :; do sleep 1; done"], { signal: abort.signal, onStdout }),
    ).rejects.toThrow("left");
  });

  it.each([
    ["a program that isn't there", ["/no/such/program"], {}, /No such file/],
    ["a directory that isn't there", ["true"], { cwd: "/no/such" }, /No such file/],
    ["a user that isn't there", ["true"], { user: "no-such-user" }, /user/i],
    ["too long a request", ["x".repeat(140_000)], {}, /\d+ bytes are more than 131072; .*standard input/],
  ])("says why it can't start: %s", async (_, argv, rest, message) => {
    await expect(exec(argv, rest)).rejects.toThrow(message);
  });

  it.each([
    ["a program that isn't there", ["/no/such/program"], {}, 2],
    ["one that isn't in PATH", ["nosuchcommand"], {}, 2],
    ["an empty name", [""], {}, 2],
    ["a directory", ["/usr"], {}, 13],
    ["a file without an x bit", ["/etc/passwd"], {}, 13],
    ["a script whose interpreter is missing", ["FILES/script"], {}, 8],
    ["the same, by PATH", ["script"], { env: ["PATH=/no/such::FILES"] }, 8],
    ["a part of a path that is a file", ["/etc/passwd/x"], {}, 20],
    ["a name that is too long", [`/${"x".repeat(5_000)}`], {}, 36],
  ])("says that it is the program's own fault: %s", async (_, argv, { env = [] }: { env?: string[] }, errno) => {
    const files = mkdtempSync(join(tmpdir(), "banger-programs-"));
    try {
      writeFileSync(join(files, "script"), "#!/no/such/interpreter\n", { mode: 0o755 });
      const placed = (text: string) => text.replace("FILES", files);
      await expect(exec(argv.map(placed), { env: env.map(placed) })).rejects.toMatchObject({
        code: "command_failed",
        details: { errno, what: "program" },
      });
    } finally {
      rmSync(files, { recursive: true });
    }
  });

  it.each([
    [{ user: "no-such-user" }, /user no-such-user is none of the guest's/, /lists the guest's users/],
    [{ cwd: "/no/such" }, /directory \/no\/such: No such file/, /without -C/],
    [{ cwd: "/etc/passwd" }, /directory \/etc\/passwd: Not a directory/, /without -C/],
  ])("%j is named with the next step, and no fault of the program", async (rest, message, hint) => {
    const error: unknown = await exec(["true"], rest).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ message: expect.stringMatching(message) as string });
    expect((error as BangerError).details?.["what"]).toBeUndefined();
    expect((error as BangerError).details?.["hint"]).toMatch(hint);
  });

  it.each(["\udcff", "a\udc80\udcffé\ufffd€😀\udce2\udc82", "\udcc3"])(
    "passes bytes that are no UTF-8: %j",
    async (text) => {
      const { stdout } = await exec(["sh", "-c", 'printf %s "$0$A" | od -An -v -tx1', text], { env: [`A=${text}`] });
      const hex = bytesOfText(text).toString("hex");
      expect(stdout.replace(/\s/g, "")).toBe(hex + hex);
    },
  );

  it.each(["HUP", "INT", "QUIT", "USR1", "USR2", "TERM", "WINCH"] as const)(
    "passes SIG%s as it was sent",
    async (name) => {
      let deliver: (signal: number) => void = () => undefined;
      const script = `trap 'echo got; exit 9' ${name}; echo up; while :; do sleep 0.05; done`;
      const heard: string[] = [];
      const ended = await exec(["sh", "-c", script], {
        takeSignals: (take) => {
          deliver = take;
        },
        onStdout: (data) => {
          heard.push(Buffer.from(data).toString());
          if (heard.length === 1) deliver(constants.signals[`SIG${name}`]);
        },
      });
      expect({ ...ended, heard: heard.join("") }).toMatchObject({ exitCode: 9, heard: "up\ngot\n" });
    },
  );

  it("ends one that ignores SIGINT at SIGKILL", async () => {
    let deliver: (signal: number) => void = () => undefined;
    const ended = await exec(["sh", "-c", "trap '' INT; echo up; while :; do sleep 0.05; done"], {
      takeSignals: (take) => {
        deliver = take;
      },
      onStdout: () => {
        deliver(constants.signals.SIGINT);
        deliver(constants.signals.SIGKILL);
      },
    });
    expect(ended).toMatchObject({ exitCode: null, signal: 9 });
  });

  it("answers when a command leaves something behind that holds its output open", async () => {
    expect(await exec(["sh", "-c", "sleep 5 & echo done"])).toMatchObject({ stdout: "done\n", exitCode: 0 });
  });
});
