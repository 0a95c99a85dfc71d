import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AgentClient } from "../../../src/daemon/guest/agent-client.ts";
import type { ExecRequest } from "../../../src/daemon/guest/agent-exec.ts";
import { encodeAgentFrame, AgentFrameDecoder, frameType } from "../../../src/daemon/guest/agent-frame.ts";
import { attach, type GuestSocket, realAgent, scriptedGuest } from "../../support/agent.ts";
import { onTerminal } from "../../support/on-terminal.ts";

const { SIGINT, SIGTERM, SIGWINCH } = constants.signals;

describe("a command on a terminal", () => {
  let guest: GuestSocket & { readonly ended: Promise<number | null>[] };
  let agent: AgentClient;
  let directory: string;
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "banger-terminal-"));
    guest = await realAgent();
    agent = await attach(guest);
  }, 120_000);
  afterAll(async () => {
    agent.close();
    rmSync(directory, { recursive: true });
    expect(await Promise.all(guest.ended)).toEqual([0]);
    await guest[Symbol.asyncDispose]();
  });

  const run = (script: string, request: Partial<ExecRequest> = {}) =>
    onTerminal(agent, script, { argv: ["sh", "-c", script], ...request });

  it.each([
    ["has all three streams on it", "test -t 0 && test -t 1 && test -t 2 && echo yes", "yes\r\n"],
    ["has it as its controlling terminal", "echo through >/dev/tty", "through\r\n"],
    ["has its size from the beginning", "stty size", "24 80\r\n"],
    ["may open it by its name", 'echo x >"$(tty)"', "x\r\n"],
    ["writes errors there too", "echo e >&2; echo o", "e\r\no\r\n"],
    ["is its session's leader", 'test "$(ps -o sid= -p $$ | tr -d " ")" = $$ && echo leads', "leads\r\n"],
  ])("%s", async (_, script, expected) => {
    const { ended, screen } = run(script);
    expect(await ended).toEqual({ exitCode: 0, signal: null });
    expect(screen()).toBe(expected);
  });

  it("hears of each new size", async () => {
    const { shows, deliver, ended } = run("trap 'stty size' WINCH; echo up; while :; do sleep 0.05; done");
    await shows("up");
    deliver(SIGWINCH, { columns: 132, rows: 50 });
    await shows("50 132");
    deliver(SIGWINCH, { columns: 65_535, rows: 1 });
    await shows("1 65535");
    deliver(SIGTERM);
    expect(await ended).toMatchObject({ signal: SIGTERM });
  });

  it("gets Ctrl-C, Ctrl-Z and Ctrl-D as a terminal's keys", async () => {
    const { keys, shows, ended } = run(
      "trap got=1 INT; echo up; until [ $got ]; do sleep 0.05; done; echo interrupted; cat; echo the end",
    );
    await shows("up");
    keys.type("\u0003");
    await shows("interrupted");
    keys.type("line\n\u0004");
    await shows("the end");
    expect(await ended).toMatchObject({ exitCode: 0 });
  });

  it("is told the end of input as a terminal's", async () => {
    const { keys, ended, screen } = run("cat; echo the end");
    keys.type("line\n");
    keys.end();
    expect(await ended).toMatchObject({ exitCode: 0 });
    expect(screen()).toBe("line\r\nline\r\nthe end\r\n");
  });

  it("passes every byte unchanged in both directions once it is raw, and more than any buffer holds", async () => {
    const sent = Buffer.from(Array.from({ length: 1024 * 1024 }, (_, n) => (n * 7 + (n >> 8)) & 0xff));
    const { keys, ended, shows, screen } = run(`stty raw -echo; printf up; head -c ${sent.length}`);
    await shows("up");
    keys.type(sent);
    expect(await ended).toMatchObject({ exitCode: 0 });
    expect(Buffer.from(screen(), "latin1").subarray(2).equals(sent)).toBe(true);
  }, 60_000);

  it("takes a large paste that nobody reads, and still ends", async () => {
    const { keys, shows, ended, deliver } = run("stty raw -echo; echo up; sleep 1000");
    await shows("up");
    keys.type(Buffer.alloc(4 * 1024 * 1024, "x"));
    deliver(SIGTERM);
    expect(await ended).toMatchObject({ signal: SIGTERM });
  });

  it("takes a large paste that is echoed while it is pasted", async () => {
    const read = join(directory, "read");
    const { keys, shows, ended, screen } = run(
      `stty raw -icanon echo; printf up; head -c 1000000 | tail -c 3 >${read}`,
    );
    await shows("up");
    keys.type(Buffer.concat([Buffer.alloc(999_997, "x"), Buffer.from("end")]));
    expect(await ended).toMatchObject({ exitCode: 0 });
    // What is echoed comes when there is room, behind what the command writes meanwhile.
    expect(readFileSync(read, "utf8")).toBe("end");
    expect(screen()).toMatch(/^upx{1000}/);
  }, 60_000);

  it("shows all that was written before its end, however much", async () => {
    const { ended, screen } = run("seq 100000");
    expect(await ended).toMatchObject({ exitCode: 0 });
    expect(screen().split("\r\n")).toHaveLength(100_001);
    expect(screen()).toMatch(/\r\n100000\r\n$/);
  });

  it.each([
    ["holds the terminal open", "(trap '' HUP; sleep 1000) & echo $!"],
    ["writes there without end", "(trap '' HUP; while :; do echo y; done) & echo $!"],
  ])("ends when it has, though something that it left %s", async (_, script) => {
    const { ended, screen } = run(script);
    expect(await ended).toMatchObject({ exitCode: 0 });
    const pid = Number(/\d+/.exec(screen())?.[0]);
    await agent.exec({
      argv: ["kill", "-9", String(pid)],
      user: String(process.getuid?.()),
      onStdout: () => undefined,
      onStderr: () => undefined,
    });
  });

  it("goes on without its terminal, which it closed, and opens it again", async () => {
    const { ended, screen } = run("exec <&- >&- 2>&-; sleep 0.2; exec >/dev/tty; echo again");
    expect(await ended).toMatchObject({ exitCode: 0 });
    expect(screen()).toBe("again\r\n");
  });

  it("gets a hang-up when its caller leaves, and so does what runs in front", async () => {
    const abort = new AbortController();
    const { ended, shows } = run("trap 'exit 0' HUP; echo up; sleep 7123", { signal: abort.signal });
    await shows("up");
    abort.abort(new Error("left"));
    await expect(ended).rejects.toThrow("left");
    const { ended: next, screen } = run("pgrep -f 'sleep 7[1]23'; true");
    expect(await next).toMatchObject({ exitCode: 0 });
    expect(screen()).toBe("");
  });

  it("passes a signal to what runs in front, and SIGINT to that alone", async () => {
    const { ended, shows, deliver, screen } = run(
      `set -m; trap 'echo the shell too' INT; sh -c "trap 'echo in front; exit 3' INT; echo up; while :; do sleep 0.05; done"; echo $?`,
    );
    await shows("up");
    deliver(SIGINT);
    expect(await ended).toMatchObject({ exitCode: 0 });
    expect(screen()).toMatch(/in front\r\n3\r\n$/);
    expect(screen()).not.toContain("the shell too");
  });

  it.each([
    ["a program that isn't there", { argv: ["/no/such/program"] }, /No such file/],
    ["a directory that isn't there", { cwd: "/no/such" }, /No such file/],
  ])("says why it can't start: %s", async (_, request, message) => {
    await expect(run("true", request).ended).rejects.toThrow(message);
  });

  it("gets a terminal of its own each time, and leaves none behind", async () => {
    const descriptors = async () => {
      const { ended, screen } = run("ls /proc/$PPID/fd | wc -w");
      await ended;
      return screen();
    };
    const before = await descriptors();
    for (let n = 0; n < 20; n++) await run(n % 2 === 0 ? "true" : "exec /no/such").ended;
    expect(await descriptors()).toBe(before);
  });
});

it("an agent of protocol 2 is refused a terminal, in words", async () => {
  await using guest = await scriptedGuest((socket) => {
    const decoder = new AgentFrameDecoder();
    socket.on("data", (bytes: Buffer) => {
      for (const frame of decoder.push(bytes)) {
        const say = (type: number, payload: Buffer) => socket.write(encodeAgentFrame({ ...frame, type, payload }));
        if (frame.type !== frameType.attach) continue;
        say(frameType.hello, Buffer.concat([frame.payload.subarray(0, 16), Buffer.from([2, 0])]));
        say(frameType.timeline, Buffer.alloc(0));
      }
    });
  });
  const agent = await attach(guest);
  const nothing = { onStdout: () => undefined, onStderr: () => undefined };
  await expect(agent.exec({ argv: ["bash"], terminal: { columns: 80, rows: 24 }, ...nothing })).rejects.toMatchObject({
    code: "bad_version",
    message: "the guest's agent is of an older banger, which makes no terminals",
  });
  agent.close();
});
