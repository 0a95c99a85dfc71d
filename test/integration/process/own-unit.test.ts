import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createRunner, type Run } from "../../../src/daemon/process/run.ts";
import { Spans } from "../../../src/telemetry/spans.ts";
import { startTracer } from "../../../src/telemetry/tracer.ts";

const program = join(process.cwd(), "dist/own-unit");
const spans = new Spans(startTracer("test", () => undefined));

describe("a command in a unit of its own", () => {
  let directory: string;
  let server: Server;
  let run: Run;
  /** What systemd would have started: a process for each connection. */
  let served: ChildProcess[];
  beforeEach(async () => {
    directory = realpathSync(mkdtempSync(join(tmpdir(), "banger-own-unit-")));
    served = [];
    const socket = join(directory, "s.sock");
    server = createServer({ pauseOnConnect: true }, (connection) => {
      served.push(spawn(program, ["serve"], { stdio: [connection, "ignore", "ignore"] }));
      connection.destroy();
    });
    await new Promise<void>((resolve) => {
      server.listen(socket, resolve);
    });
    run = createRunner({ spans, ownUnits: { program, socket } });
  });
  afterEach(() => {
    server.close();
    rmSync(directory, { recursive: true });
  });
  const shell = (script: string, ...args: string[]) => ({
    file: "sh",
    args: ["-c", script, ...args],
    ownUnit: true as const,
  });

  it("has the descriptors, the directory, the environment and the arguments that it would have here", async () => {
    const stdinFrom = join(process.cwd(), "package.json");
    const env = { PATH: process.env["PATH"], OWN: "a\nb" };
    const script = 'head -c 1; pwd; echo "$OWN" "$0" "$#"';
    const { stdout } = await run({ ...shell(script, "", "ü ö"), stdinFrom, cwd: directory, env });
    expect(stdout).toBe(`{${directory}\na\nb  1\n`);
    expect(served).toHaveLength(1);
  });

  it.each([
    ["exits", "echo why >&2; exit 7", { code: "command_failed", plain: "sh exited with 7: why" }],
    [
      "is killed",
      "kill -9 $$",
      { code: "host_failed", plain: expect.stringMatching(/^sh was killed by SIGKILL/) as string },
    ],
  ])("ends as it does there when it %s", async (_, script, error) => {
    await expect(run(shell(script))).rejects.toMatchObject(error);
  });

  const sh = ["sh", "-c", '"$@"', "sh"];
  it.each([
    ["itself", { file: "mke2fs-none", args: [] }, "missing_tool", /^mke2fs-none is not installed/],
    ["what it is run by", { file: "true", args: [], within: ["unshare-none"] }, "missing_tool", /^unshare-none is not/],
    [
      "within what is there",
      { file: "tar-none", args: [], within: sh },
      "command_failed",
      /^tar-none exited with 127: .*tar-none/,
    ],
    ["what it runs", { file: "sh", args: ["-c", "gzip-none"] }, "command_failed", /^sh exited with 127: .*gzip-none/],
  ])("is told apart where it is missing: %s", async (_, command, code, plain) => {
    const matching = expect.stringMatching(plain) as string;
    await expect(run({ ...command, ownUnit: true })).rejects.toMatchObject({ code, plain: matching });
  });

  it("ends when it is told to, in its own way", async () => {
    const left = new AbortController();
    const asked = run({
      ...shell("trap 'echo cleaned >&2; exit 3' TERM; echo ready >&2; while :; do sleep 0.05; done"),
      signal: left.signal,
      onLine: (line) => {
        if (line === "ready") left.abort(new Error("left"));
        else lines.push(line);
      },
    });
    const lines: string[] = [];
    await expect(asked).rejects.toThrow("left");
    expect(lines).toContain("cleaned");
  });

  it("ends with whoever asked, who may be killed, and takes what it started along", async () => {
    const asker = spawn(program, ["ask", join(directory, "s.sock"), "sh", "-c", "echo $$; sleep 1000"]);
    const pid = await new Promise<number>((resolve) => {
      asker.stdout.once("data", (text: Buffer) => resolve(Number(text)));
    });
    asker.kill("SIGKILL");
    await new Promise((resolve) => {
      served[0]?.once("exit", resolve);
    });
    expect(() => process.kill(pid, 0)).toThrow("ESRCH");
  });

  it("is run here where systemd listens for none", async () => {
    const here = createRunner({ spans, ownUnits: { program, socket: join(directory, "none") } });
    expect((await here(shell("echo $PPID"))).stdout).toBe(`${process.pid}\n`);
  });
});
