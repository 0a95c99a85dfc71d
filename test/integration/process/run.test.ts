import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createRunner } from "../../../src/daemon/process/run.ts";
import { Spans } from "../../../src/telemetry/spans.ts";
import { startTracer } from "../../../src/telemetry/tracer.ts";

const run = createRunner({ spans: new Spans(startTracer("test", () => undefined)) });
const sh = (script: string, signal?: AbortSignal) =>
  run({ file: "sh", args: ["-c", script], ...(signal === undefined ? {} : { signal }) });

describe("a program that the daemon runs", () => {
  it("is judged by its exit code, with its own last words", async () => {
    expect(await sh("echo out")).toEqual({ stdout: "out\n" });
    await expect(sh("echo first >&2; echo last >&2; exit 3")).rejects.toMatchObject({
      code: "command_failed",
      plain: "sh exited with 3: last",
      details: { stderr: "first\nlast\n" },
    });
  });

  it("ends well also with a code that is said to be no failure, and only with that", async () => {
    const exit = (code: number) => run({ file: "sh", args: ["-c", `exit ${code}`], alsoWell: [3] });
    await exit(3);
    await expect(exit(2)).rejects.toMatchObject({ code: "command_failed" });
  });

  it.each(["TAR_OPTIONS", "XZ_DEFAULTS", "ZSTD_CLEVEL", "GZIP", "MKE2FS_CONFIG", "PAGER", "FAKEROOTKEY", "PERL5OPT"])(
    "takes no orders from the daemon's %s, and has the rest of its environment",
    async (name) => {
      const env = { ...process.env, [name]: "set", TMPDIR: "/other" };
      const { stdout } = await run({ file: "sh", args: ["-c", `echo "\${${name}-unset} $TMPDIR"`], env });
      expect(stdout).toBe("unset /other\n");
    },
  );

  it("that isn't installed is named with the package that has it", async () => {
    await expect(run({ file: "mke2fs-not-there", args: [] })).rejects.toMatchObject({ code: "missing_tool" });
  });

  it("takes with it what it left behind, also what holds its output open", async () => {
    const { stdout } = await sh("sleep 1000 & echo $!");
    await expect.poll(() => isAlive(Number(stdout))).toBe(false);
  });

  it("is ended when its caller leaves, although it ignores SIGTERM", async () => {
    const abort = new AbortController();
    const running = run({
      file: "sh",
      args: ["-c", "trap '' TERM; echo $$ >&2; while :; do sleep 1; done"],
      signal: abort.signal,
      onLine: () => abort.abort(new Error("left")),
    });
    await expect(running).rejects.toThrow("left");
  });

  it.each([
    ["kill -KILL $$", "sh was killed by SIGKILL, as the kernel does where memory runs out"],
    ["echo 'tar: memory exhausted' >&2; exit 2", "sh exited with 2: tar: memory exhausted"],
    [
      "echo 'tar: libc.so.6: failed to map segment from shared object' >&2; exit 127",
      "sh exited with 127: tar: libc.so.6: failed to map segment from shared object",
    ],
  ])("that lacks memory (%s) says nothing of what it reads", async (script, plain) => {
    await expect(sh(script)).rejects.toMatchObject({ code: "host_failed", plain });
  });

  it("that fills its disk is said to have", async () => {
    await expect(sh("head -c 10 /dev/zero > /dev/full")).rejects.toMatchObject({ code: "no_space" });
  });
});

/** False for a zombie too: it is dead, whoever reaps it. */
function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}
