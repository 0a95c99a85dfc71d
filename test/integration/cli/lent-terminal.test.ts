import { once } from "node:events";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { AgentClient } from "../../../src/daemon/guest/agent-client.ts";
import { BangerError } from "../../../src/rpc/contract/errors.ts";
import type { daemonContract } from "../../../src/rpc/contract/daemon.ts";
import type { Handlers, RequestContext } from "../../../src/rpc/dispatch.ts";
import { attach, type GuestSocket, realAgent } from "../../support/agent.ts";
import { onTerminal } from "../../support/on-terminal.ts";
import { CliHost } from "../../support/scripted-daemon.ts";
import { statsOf } from "../../support/vm.ts";

const { SIGHUP, SIGINT, SIGKILL, SIGTERM, SIGWINCH } = constants.signals;
const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

/** A guest of a few commands, each of which says "up" first. */
const vmExec: Handlers<typeof daemonContract>["vmExec"] = async (params, context) => {
  const say = (bytes: string | Buffer) => context.emit("stdout", Buffer.from(bytes as string).toString("base64"));
  const told = Promise.withResolvers<string>();
  context.takeSignals?.((signal, size) => told.resolve(`${signal} ${JSON.stringify(size)}`));
  await say("up\n");
  switch (params.argv[0]) {
    case "asked":
      await say(JSON.stringify({ tty: params.tty, size: params.size, env: params.env }));
      return { exit_code: 0, signal: null };
    case "bytes":
      await say(everyByte);
      return { exit_code: 0, signal: null };
    case "type":
      await say(await typed(Number(params.argv[1]), context));
      return { exit_code: 0, signal: null };
    case "told":
      await say(await told.promise);
      return { exit_code: 7, signal: null };
    case "fail":
      throw new BangerError("guest_died", "the guest is gone");
    default:
      return new Promise((_, reject) => {
        context.signal.addEventListener("abort", () => reject(context.signal.reason as Error));
      });
  }
};

async function typed(bytes: number, { input }: RequestContext): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of input) {
    parts.push(part);
    if (Buffer.concat(parts).length >= bytes) break;
  }
  return Buffer.concat(parts).toString("hex");
}

const vmSsh: Handlers<typeof daemonContract>["vmSsh"] = async () => ({
  host: "10.77.0.2",
  port: 22,
  user: "root",
  identity_file: "/key",
  known_hosts_file: "/hosts",
  host_key_alias: "web",
});

/** A console that says what it is asked, then repeats what is typed, and ends at an E. */
const vmList: Handlers<typeof daemonContract>["vmList"] = async (_, { emit, signal }) => {
  await emit("vms", { vms: [] });
  await once(signal, "abort");
  throw signal.reason;
};
const vmStats: Handlers<typeof daemonContract>["vmStats"] = async (_, { emit, signal }) => {
  await emit("stats", { vms: [statsOf("web", 1)] });
  await once(signal, "abort");
  throw signal.reason;
};
const vmConsole: Handlers<typeof daemonContract>["vmConsole"] = async (
  { lines, read_only },
  { emit, input, signal },
) => {
  const say = (bytes: Uint8Array) => emit("data", Buffer.from(bytes).toString("base64"));
  await say(Buffer.from(JSON.stringify({ lines, read_only })));
  const left = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error));
  });
  const echo = async () => {
    for await (const bytes of input) {
      await say(bytes);
      if (Buffer.from(bytes).includes("E")) return { bytes: 0 };
    }
    return left;
  };
  return Promise.race([echo(), left]);
};

describe("a terminal that was lent", () => {
  let guest: GuestSocket & { readonly ended: Promise<number | null>[] };
  let terminals: AgentClient;
  let host: CliHost;
  beforeAll(async () => {
    guest = await realAgent();
    terminals = await attach(guest);
  }, 120_000);
  afterAll(async () => {
    terminals.close();
    await guest[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    host = new CliHost();
    await host.serve({
      vmExec,
      vmSsh,
      vmConsole,
      vmList,
      vmStats,
      traceSubmit: async ({ spans }) => ({ accepted: spans.length }),
    });
  });
  afterEach(() => host[Symbol.asyncDispose]());

  const main = `"${process.execPath}" "${process.cwd()}/src/cli/main.ts"`;
  /** Runs `banger` on a terminal, and says in the end whether that is as it was. */
  const banger = (line: string, env: Record<string, string> = {}) =>
    onTerminal(
      terminals,
      `before=$(stty -g); ${main} ${line}; printf '\\nexit %s, ' $?
       if [ "$before" = "$(stty -g)" ]; then echo restored; else echo not restored; fi`,
      {
        env: Object.entries({ ...host.env, ...env }).map(([name, value]) => `${name}=${value}`),
      },
    );

  it("says its size and its name", async () => {
    const { ended, screen } = banger("vm exec -it web -- asked", { TERM: "xterm-256color" });
    await ended;
    expect(screen()).toContain('{"tty":true,"size":"80x24","env":["TERM=xterm-256color"]}');
    expect(screen()).toMatch(/exit 0, restored\r\n$/);
  });

  it("is of the size that was asked for", async () => {
    const { ended, screen } = banger("vm exec -it --size 132x50 -e TERM=vt100 web -- asked", { TERM: "dumb" });
    await ended;
    expect(screen()).toContain('"size":"132x50","env":["TERM=dumb","TERM=vt100"]}');
  });

  it("shows every byte as it came", async () => {
    const { ended, screen } = banger("vm exec -it web -- bytes");
    await ended;
    expect(screen()).toBe(`up\n${everyByte.toString("latin1")}\r\nexit 0, restored\r\n`);
  });

  it("passes every key as it was typed: Ctrl-C, Ctrl-Z, Ctrl-D, Ctrl-S and Ctrl-V too, and echoes none", async () => {
    const { ended, screen, shows, keys } = banger("vm exec -it web -- type 256");
    await shows("up");
    keys.type(everyByte);
    await ended;
    expect(screen()).toBe(`up\n${everyByte.toString("hex")}\r\nexit 0, restored\r\n`);
  });

  it("tells each new size", async () => {
    const { ended, screen, shows, deliver } = banger("vm exec -it web -- told");
    await shows("up");
    deliver(SIGWINCH, { columns: 101, rows: 33 });
    await ended;
    expect(screen()).toBe(`up\n${SIGWINCH} {"columns":101,"rows":33}\r\nexit 7, restored\r\n`);
  });

  it.each([
    ["SIGTERM", SIGTERM],
    ["SIGHUP", SIGHUP],
    ["SIGINT", SIGINT],
  ])("is restored after %s, which the command gets", async (_, signal) => {
    const { ended, screen, shows } = banger("vm exec -it web -- told");
    await shows("up");
    await kill(signal);
    await ended;
    expect(screen()).toBe(`up\n${signal} undefined\r\nexit 7, restored\r\n`);
  });

  it("is restored after an error, which is then a line as ever", async () => {
    const { ended, screen } = banger("vm exec -it web -- fail");
    await ended;
    expect(screen()).toMatch(
      /^up\nbanger: vm\.exec: the guest is gone \(op-\w+\)\r\n.*\[guest_died\]\r\n\r\nexit 71, restored\r\n$/,
    );
  });

  it("is restored after the daemon has gone", async () => {
    const { ended, screen, shows } = banger("vm exec -it web -- wait");
    await shows("up");
    await host[Symbol.asyncDispose]();
    await ended;
    expect(screen()).toMatch(/exit \d+, restored\r\n$/);
    host = new CliHost();
  });

  it("is restored after a bug, and after a second signal that ends it at once", async () => {
    for (const end of ["setImmediate(() => { throw new Error('odd'); })", "process.exit(3)"]) {
      const script = `import { exitOnBug } from "${process.cwd()}/src/cli/exit-on-bug.ts"; exitOnBug();
        import { lendTerminal } from "${process.cwd()}/src/cli/lent-terminal.ts"; lendTerminal({ raw: true }); ${end};`;
      const { ended, screen } = onTerminal(
        terminals,
        `before=$(stty -g); "$NODE" --input-type=module -e "$SCRIPT"; [ "$before" = "$(stty -g)" ] && echo restored`,
        { env: [`NODE=${process.execPath}`, `SCRIPT=${script}`] },
      );
      await ended;
      expect(screen()).toMatch(/restored\r\n$/);
    }
  });

  it("stays as it is without -i, so that Ctrl-C is a signal", async () => {
    const { ended, screen, shows, keys } = banger("vm exec -t web -- told");
    await shows("up");
    keys.type("\u0003");
    await ended;
    expect(screen()).toMatch(new RegExp(`${SIGINT} undefined\r\nexit 7, restored\r\n$`));
  });

  it("needn't be there: a command gets one all the same", async () => {
    const { code, stdout } = await host.bash("banger vm exec -it web -- asked </dev/null");
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'up\n{"tty":true,"env":["TERM=xterm"]}' });
  });

  it.each(["80", "0x24", "80x", "10000x24", "80x24x1"])("a size of %s is refused", async (size) => {
    expect((await host.bash(`banger vm exec -t --size ${size} web -- asked`)).stderr).toMatch(
      /size: must be columns and rows from 1 to 9999, like 80x24/,
    );
  });

  describe("to a console", () => {
    it.each([
      ["", "Ctrl-]", "\u001d"],
      ["--escape ^A", "Ctrl-A", "\u0001"],
    ])("is left by the escape key alone: vm console %s", async (flags, shown, key) => {
      const { ended, screen, shows, keys } = banger(`vm console ${flags} web`);
      await shows('{"lines":40,"read_only":false}');
      keys.type("ls\r\u0003\u0004\u001a");
      await shows("ls\r\u0003\u0004\u001a");
      keys.type(`more${key}never`);
      await ended;
      expect(screen()).toContain(`web: its serial console; ${shown} leaves it`);
      expect(screen()).not.toContain("never");
      expect(screen()).toMatch(/left the console of web, which runs on\r\n\r\nexit 0, restored\r\n$/);
    });

    it("ends with the VM", async () => {
      const { ended, screen, shows, keys } = banger("vm console --escape none -n 0 web");
      await shows('{"lines":0,"read_only":false}');
      keys.type("\u001dE");
      await ended;
      expect(screen().endsWith("\u001dE\r\nweb has ended\r\n\r\nexit 0, restored\r\n")).toBe(true);
    });

    it("types nothing with --read-only, and is left by Ctrl-C", async () => {
      const { ended, screen, shows, keys } = banger("vm console -r web");
      await shows('{"lines":40,"read_only":true}');
      expect(screen()).toContain("Ctrl-C leaves it");
      keys.type("\u0003");
      await ended;
      expect(screen()).toMatch(/exit 0, restored\r\n$/);
    });

    it("is restored after a signal", async () => {
      const { ended, screen, shows } = banger("vm console web");
      await shows('{"lines":40,"read_only":false}');
      await kill(SIGTERM, "vm console web");
      await ended;
      expect(screen()).toMatch(/exit 143, restored\r\n$/);
    });

    it("goes on when what was typed by a pipe has ended", async () => {
      const { code, stdout } = await host.bash("{ printf ls; sleep 2; printf E; } | banger vm console web");
      expect({ code, stdout }).toEqual({ code: 0, stdout: '{"lines":40,"read_only":false}lsE' });
    });

    it.each(["A", "^a", "^", "^AB", ""])("an escape of %j is refused", async (escape) => {
      expect((await host.bash(`banger vm console --escape '${escape}' web`)).code).toBe(64);
    });
  });

  const ctrlC = "Ctrl-C";
  it.each<[string, string, typeof ctrlC | number, number]>([
    // A live view is left by it, as top and watch are.
    ["ls -w", "no VM", ctrlC, 0],
    ["stats", "NAME", ctrlC, 0],
    ["console -r web", "lines", ctrlC, 0],
    // What goes on for a program is interrupted, as tail -f is.
    ["ls -w --json", "[]", ctrlC, 130],
    ["stats -w --json", "vms", ctrlC, 130],
    ["console --json web", "lines", ctrlC, 130],
    ["ls -w", "no VM", SIGTERM, 143],
    ["stats", "NAME", SIGTERM, 143],
    ["console -r web", "lines", SIGTERM, 143],
  ])("what goes on by itself: `vm %s` that shows %j ends by %s with %i", async (line, shown, by, code) => {
    const { ended, screen, shows, keys } = banger(`vm ${line}`);
    await shows(shown);
    if (by === ctrlC) keys.type("\u0003");
    else await kill(by, `vm ${line}`);
    await ended;
    expect(screen()).toMatch(new RegExp(`exit ${code}, restored\r\n$`));
    expect(screen()).not.toContain("banger:");
  });

  describe("to ssh", () => {
    /** A program called ssh, that takes the terminal as ssh does. */
    const ssh = (traps = ":") => {
      mkdirSync(join(host.directory, "bin"));
      const script = `before=$(stty -g); trap 'stty "$before"; echo ended >${host.directory}/ended; exit 255' TERM
        stty raw -echo; ${traps}; echo up; while :; do sleep 0.05; done`;
      writeFileSync(join(host.directory, "bin", "ssh"), `#!/bin/bash\n${script}\n`, { mode: 0o755 });
      return { PATH: `${host.directory}/bin:${host.env["PATH"]}` };
    };

    it("is its own, and so is each new size", async () => {
      const { ended, screen, shows, deliver } = banger(
        "vm ssh web",
        ssh(`trap 'stty size; stty "$before"; exit 4' WINCH`),
      );
      await shows("up");
      deliver(SIGWINCH, { columns: 101, rows: 33 });
      await ended;
      expect(screen()).toMatch(/33 101\n\r\nexit 4, restored\r\n$/);
    });

    it.each([
      ["SIGTERM", SIGTERM],
      ["SIGHUP", SIGHUP],
      ["SIGKILL", SIGKILL],
    ])("is restored after %s, and ssh ends", async (_, signal) => {
      const { ended, shows, screen } = banger("vm ssh web; sleep 1", ssh());
      await shows("up");
      await kill(signal, "vm ssh web");
      await ended;
      await expect.poll(() => existsSync(join(host.directory, "ended")), { timeout: 10_000 }).toBe(true);
      expect(screen()).toMatch(/restored\r\n$/);
    });
  });

  /** Sends a signal to the one \`banger\` on our terminals. */
  async function kill(signal: number, line = "vm exec -it web -- told"): Promise<void> {
    const { ended } = onTerminal(terminals, `pkill -${signal} -f '^[^ ]*node [^ ]*src/cli/main.ts ${line}'`);
    expect(await ended).toEqual({ exitCode: 0, signal: null });
  }
});
