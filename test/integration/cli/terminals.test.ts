import { cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SpanRecord } from "../../../src/telemetry/span-record.ts";
import { BangerError } from "../../../src/rpc/contract/errors.ts";
import { CliHost } from "../../support/scripted-daemon.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const opId = `op-${"1".repeat(32)}`;
const span: SpanRecord = {
  trace_id: "1".repeat(32),
  span_id: "1".repeat(16),
  service: "banger",
  name: "banger vm start",
  kind: "internal",
  start_ns: "1700000000000000000",
  end_ns: "1700000000100000000",
  status: "unset",
  attributes: {},
  links: [],
};

let host: CliHost;
beforeAll(async () => {
  host = new CliHost();
  await host.serve({
    traceShow: async () => ({ op_id: opId, spans: [span] }),
    vmExec: async (_, { emit }) => {
      await emit("stdout", Buffer.from([0xff, 0xc3, 0xa9, 0x0a]).toString("base64"));
      return { exit_code: 0, signal: null };
    },
    vmSsh: async () => ({
      host: "10.77.0.2",
      port: 22,
      user: "root",
      identity_file: "/id",
      known_hosts_file: "/known",
      host_key_alias: "web",
    }),
    vmShow: () => Promise.reject(new BangerError("not_found", "vm: é\n\u001b[2Jis none of them")),
    networkUp: async (_, { emit }) => {
      await emit("progress", { text: "one\n\u001b[2Jtwo" });
      await emit("step", { step: "bridge", phase: "started", elapsed_ms: 0 });
      await emit("step", { step: "bridge", phase: "completed", elapsed_ms: 1 });
      throw new BangerError("step_failed", "step nat failed: no");
    },
    traceSubmit: async ({ spans }) => ({ accepted: spans.length }),
  });
});
afterAll(() => host[Symbol.asyncDispose]());

/** What is shown in a terminal of that many columns. */
const inTerminal = async (columns: number, line: string) => {
  const script = `declare -f banger >b; script -qefc "stty cols ${columns}; . ./b; ${line}" /dev/null </dev/null`;
  const { stdout } = await host.bash(script);
  return stdout.replaceAll("\r\n", "\n").split("\n");
};

describe("a terminal", () => {
  it("of 20 columns gets lines of 20", async () => {
    const [, , line = ""] = await inTerminal(20, "NO_COLOR=1 banger trace show last");
    expect(line).toBe("banger v~    100 ms");
  });

  it("of no columns gets what 80 have room for, in colours", async () => {
    const lines = await inTerminal(0, "TERM=xterm banger trace show last");
    // oxlint-disable-next-line no-control-regex
    expect(lines[2]?.replace(/\u001b\[\d*m/g, "")).toHaveLength(79);
    expect(lines[2]).toContain("\u001b[");
  });

  it.each([
    ["COLUMNS=20 banger trace show last", "banger v~    100 ms"],
    ["COLUMNS=abc LC_ALL=C banger trace show last", `banger       banger vm start ${"#".repeat(80)}    100 ms`],
  ])("that is none: %s", async (line, expected) => {
    const { stdout } = await host.bash(line);
    expect(stdout.split("\n")[2]).toBe(expected);
  });
});

describe("help", () => {
  it.each([
    ["in a pipe", "banger vm create --help", 100],
    ["in a pipe with COLUMNS=70", "COLUMNS=70 banger vm create --help", 70],
  ])("%s", async (where, line, columns) => {
    const { stdout } = await host.bash(line);
    const longest = Math.max(...stdout.split("\n").map((text) => text.length));
    if (where === "in a pipe") expect(longest).toBeGreaterThan(columns);
    else expect(longest).toBeLessThanOrEqual(columns);
  });

  it("in a terminal heeds COLUMNS too", async () => {
    const lines = await inTerminal(100, "COLUMNS=70 banger vm create --help");
    expect(Math.max(...lines.map((text) => text.length))).toBeLessThanOrEqual(70);
  });
});

describe("the locale C", () => {
  it("gets plain ASCII, and a message is one line", async () => {
    const { code, stderr } = await host.bash("LC_ALL=C banger network up");
    expect(stderr).toMatch(/^ {2}\.\.\. one two\n {2}\+ bridge {11}1\.0 ms\nbanger: .*\n.*\[step_failed\]\n$/);
    expect(code).toBe(71);
    const shown = await host.bash("LANG=C banger vm show web");
    expect(shown.stderr).toMatch(
      /^banger: vm\.show: vm: \\u\{e9\} \| is none of them \(op-.*\)\n[^\n]*\[not_found\]\n$/,
    );
  });

  it("changes neither a guest's bytes nor JSON", async () => {
    expect((await host.bash("LC_ALL=C banger vm exec web -- x | od -An -tx1")).stdout).toBe(" ff c3 a9 0a\n");
    const { stderr } = await host.bash("LC_ALL=C banger --json vm show web");
    expect((JSON.parse(stderr) as { error: { message: string } }).error.message).toContain("é");
  });
});

describe("a program in the foreground", () => {
  /** What `line` prints in a terminal, where `ssh` is a script. */
  const withSsh = async (ssh: string, line: string) => {
    const script = `cd "$(mktemp -d -p .)"; mkdir p; printf '#!/bin/bash\\n%s\\n' '${ssh}' >p/ssh; chmod +x p/ssh
      declare -f banger >b; export SHELL=/bin/bash PATH=$PWD/p:$PATH; script -qefc '. ./b; ${line}' /dev/null </dev/null`;
    return (await host.bash(script)).stdout.replaceAll("\r\n", "\n");
  };

  it("that stops itself gives the shell back, and goes on with it", async () => {
    // As ssh does for `~^Z`: it stops itself alone.
    const shown = await withSsh(
      "kill -TSTP $$; echo again; exit 7",
      "set -m; banger ssh web; echo back $?; fg; echo end $?",
    );
    expect(shown).toMatch(/^(?:[^\n]*Stopped[^\n]*\n|\n)*back 148\n[^]*again\nend 7\n$/);
  });

  it("that stops itself where no shell could take it on goes on", async () => {
    expect(await withSsh("kill -TSTP $$; echo again; exit 7", "banger ssh web; echo end $?")).toBe("again\nend 7\n");
  });

  it.each([
    ["banger ssh web -- vim x", "-t"],
    ["banger ssh web", ""],
    ["banger ssh web -- vim x </dev/null", ""],
    ["banger ssh web -- vim x | cat", ""],
  ])("%s has ssh make a terminal: %j", async (line, flag) => {
    expect(await withSsh('for word; do [ "$word" != -t ] || echo "<$word>"; done', line)).toBe(
      flag === "" ? "" : `<${flag}>\n`,
    );
  });
});

describe("standard streams that are closed", () => {
  it.each([
    ["vm exec web -- x <&-", 0],
    ["vm exec -i web -- x <&-", 0],
    ["trace show last >&-", 0],
    ["trace show last 2>&-", 0],
    ["trace show last <&- >&- 2>&-", 0],
    ["vm show web 2>&-", 66],
    ["vm show web <&- >&- 2>&-", 66],
    ["nonsense >&- 2>&-", 64],
  ])("%s exits with %i, without a word of Node's", async (line, expected) => {
    const { code, stderr } = await host.bash(`banger ${line}`);
    expect(stderr).not.toMatch(/node:|at .*:\d+/);
    expect(code).toBe(expected);
  });
});

it("a pipe that others write to stays as it is for them", async () => {
  // The streams alone: what the sources import has Node open its own, which the bundle doesn't.
  const script = `import { StandardStreams } from "${root}src/cli/output/standard-streams.ts";
    import { readFileSync } from "node:fs";
    const streams = new StandardStreams();
    await streams.out("a line\\n");
    await streams.err(readFileSync("/proc/self/fdinfo/1"));
    process.exit(0);`;
  const { stdout, stderr } = await host.bash(`${process.execPath} --input-type=module -e '${script}' | cat`);
  expect(stdout).toBe("a line\n");
  expect(stderr).toMatch(/^flags:\s+\d*0001$/m);
});

describe("a bug", () => {
  it.each([
    ["an exception that nobody caught", "setImmediate(() => { throw new Error('odd'); })"],
    ["a rejection that nobody heard", "Promise.reject(new Error('odd'))"],
    ["no error at all", "setImmediate(() => { throw 'odd'; })"],
  ])("is one line, whatever it is: %s", async (_, work) => {
    const bug = `import { exitOnBug } from "${root}src/cli/exit-on-bug.ts"; exitOnBug(); ${work};`;
    const { code, stderr } = await host.bash(
      `${process.execPath} --input-type=module -e '${bug.replaceAll("'", "'\\''")}'`,
    );
    expect({ code, stderr }).toEqual({
      code: 70,
      stderr: "banger: odd\nThis is a bug in banger; report it with the trace.\n",
    });
  });

  it.each(["banger", "bangerd", "bangerd-root"])("%s that was not built says so", async (name) => {
    mkdirSync(join(host.directory, "bin"), { recursive: true });
    cpSync(join(root, "bin", name), join(host.directory, "bin", name));
    const { code, stderr } = await host.bash(`bin/${name} --help`);
    expect(stderr).toMatch(new RegExp(`^${name}: \\S+ is not built; run .make build. there\\n$`));
    expect(code).toBe(70);
  });

  it.each(["banger", "bangerd", "bangerd-root"])("%s that may open too few files says so", async (name) => {
    const asked = (files: number) => host.bash(`(ulimit -n ${files}; "${root}bin/${name}" --version)`);
    for (const files of [12, 20, 31]) {
      expect(await asked(files)).toEqual({
        code: 71,
        stdout: "",
        stderr: `${name}: fewer than 32 open files are allowed here (\`ulimit -Hn\`); raise that limit, or start it elsewhere\n`,
      });
    }
    expect(await asked(32)).toMatchObject({ code: 0, stderr: "" });
    // Of what may be raised Node takes all.
    expect((await host.bash(`ulimit -Sn 20; "${root}bin/${name}" --version`)).code).toBe(0);
  });
});
