import { constants } from "node:os";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AgentClient } from "../../src/daemon/guest/agent-client.ts";
import { attach, type GuestSocket, realAgent } from "../support/agent.ts";
import { Installation } from "../support/installation.ts";
import { onTerminal } from "../support/on-terminal.ts";
import { noSandbox } from "../support/sandbox.ts";

const { SIGWINCH } = constants.signals;
/** Without KVM, beside other tests, a guest takes its time. */
const slow = 200_000;

describe.skipIf(noSandbox)(`a guest on a terminal${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let host: Installation;
  let here: GuestSocket;
  let terminals: AgentClient;
  beforeAll(async () => {
    here = await realAgent();
    terminals = await attach(here);
    host = await Installation.start({ guest: true });
    await host.ok("vm", "create", "--name", "web");
    await host.ok("vm", "start", "web");
  }, 300_000);
  afterAll(async () => {
    await host[Symbol.asyncDispose]();
    terminals.close();
    await here[Symbol.asyncDispose]();
  });

  /** A line of the owner's shell on a terminal, and whether that is as it was afterwards. */
  const banger = (line: string) => {
    const script = `before=$(stty -g); ${line}; printf '\\nexit %s, ' $?; [ "$before" = "$(stty -g)" ] && echo restored`;
    const env = { ...host.sandbox.env, BANGER_CONFIG: host.config };
    return onTerminal(terminals, "", {
      argv: host.sandbox.argvOf(["bash", "--norc", "-c", script]),
      env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    });
  };
  const guest = async (script: string) => {
    const answer = await host.banger(["vm", "exec", "web", "--", "sh", "-c", script]);
    return { ...answer.json<{ stdout: string; exit_code: number }>(), code: answer.code };
  };

  const sleeps = () => guest("until pgrep -fx 'sleep 1000' >/dev/null; do sleep 0.2; done");

  it(
    "has one at its first command, before its init has come up",
    async () => {
      const { keys, shows, ended, screen, deliver } = banger(
        "TERM=xterm-256color banger vm exec -it web -- bash --norc",
      );
      await shows("# ");
      // Its prompts are numbered, and Ctrl-C comes when the command runs: a shell that is hit in between loses what is typed.
      keys.type("PS1='<\\#>'; tty; stty size; echo $TERM\r");
      await shows("<2>");
      expect(screen()).toContain("/dev/pts/0\r\n24 80\r\nxterm-256color\r\n");
      deliver(SIGWINCH, { columns: 120, rows: 40 });
      keys.type("sleep 1000\r");
      await sleeps();
      keys.type("\u0003");
      await shows("<3>");
      keys.type("echo $?; stty size\r");
      await shows("130\r\n40 120\r\n");
      await shows("<4>");
      keys.type("\u0004");
      await ended;
      expect(screen()).toMatch(/exit 0, restored\r\n$/);
    },
    slow,
  );

  it.each([
    ["a child in the background that holds its output", "sleep 1000 & echo hi"],
    ["a child that hears no hang-up", "nohup sleep 1000 2>/dev/null & echo hi"],
    ["a daemon of its own session", "setsid sh -c 'sleep 1000 & exec sleep 1000' & echo hi"],
  ])(
    "ends a command when it has, which leaves %s",
    async (_, script) => {
      expect(await guest(script)).toMatchObject({ exit_code: 0, stdout: "hi\n", code: 0 });
      expect(await guest("pkill -x sleep; echo $?")).toMatchObject({ stdout: "0\n" });
    },
    slow,
  );

  it.each([
    ["is killed", "KILL", ""],
    ["is killed, on a terminal", "KILL", "-it"],
    ["loses its terminal", "HUP", "-it"],
    ["is asked to end", "TERM", ""],
  ])(
    "ends a command whose client %s",
    async (_, signal, flags) => {
      const { ended, shows } = banger(`banger vm exec ${flags} web -- sh -c 'echo up; sleep 4321; echo on'`);
      await shows("up");
      await host.sandbox.root(`pkill -${signal} -f '[v]m exec .*sleep 4321'`);
      await ended;
      await expect
        .poll(async () => (await guest("pgrep -f '[s]leep 4321'")).stdout, { timeout: slow, interval: 500 })
        .toBe("");
    },
    2 * slow,
  );

  it(
    "has a login of root's on its serial console, for its owner alone",
    async () => {
      await guest("until systemctl is-active serial-getty@ttyS0.service >/dev/null; do sleep 1; done");
      const console = banger("banger vm console web");
      await console.shows("Ctrl-] leaves it");
      const reading = banger("banger vm console --read-only web");
      await reading.shows("Ctrl-C leaves it");
      // What is typed before it listens is lost: as a person does, once more.
      const enter = setInterval(() => console.keys.type("\r"), 1_000);
      await console.shows("# ").finally(() => clearInterval(enter));
      console.keys.type("PS1='<\\#>'; id -un; tty; sleep 1000\r");
      await sleeps();
      console.keys.type("\u0003");
      await console.shows("<2>");
      console.keys.type("echo $((20 + 22))\r");
      await console.shows("\r42\r");
      for (const said of ["root\r", "/dev/ttyS0\r"]) expect(console.screen()).toContain(said);
      await reading.shows("\r42\r");
      console.keys.type("\u001d");
      await console.ended;
      expect(console.screen()).toMatch(/left the console of web, which runs on\r\n\r\nexit 0, restored\r\n$/);
      reading.keys.type("\u0003");
      // What put it into the sandbox hears that too, and ends before it could say what became of the terminal.
      await reading.ended;
      const again = banger("banger vm console -n 5 web");
      await again.shows("42");
      again.keys.type("\u001d");
      await again.ended;
      expect((await host.person(["vm", "logs", "web"])).stdout).toContain("echo $((20 + 22))");
      const { id } = await host.ok<{ id: string }>("vm", "show", "web");
      expect(
        await host.sandbox.root(`stat -c '%U %a %F' ${host.layout.consoleInput(id)} ${host.layout.consoleInputs}`),
      ).toBe("owner 600 fifo\nroot 711 directory\n");
    },
    2 * slow,
  );

  it(
    "says that it has ended to who is at its console, and leaves no FIFO",
    async () => {
      const { ended, shows, screen } = banger("banger vm console web");
      await shows("leaves it");
      await host.ok("vm", "kill", "web");
      await ended;
      expect(screen()).toMatch(/web has ended\r\n\r\nexit 0, restored\r\n$/);
      expect(await host.sandbox.root(`ls ${host.layout.consoleInputs}`)).toBe("");
      expect((await host.banger(["vm", "console", "web"])).error()).toMatchObject({ code: "wrong_state" });
    },
    slow,
  );
});
