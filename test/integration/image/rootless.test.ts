import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { chooseRootless } from "../../../src/daemon/image/rootless.ts";
import { createRunner } from "../../../src/daemon/process/run.ts";
import { Spans } from "../../../src/telemetry/spans.ts";
import { startTracer } from "../../../src/telemetry/tracer.ts";

const run = createRunner({ spans: new Spans(startTracer("test", () => undefined)) });
/** Gets what is orphaned below it, and waits for nothing but what it started: as a container's first process may. */
const reapsNothing = ["perl", "-e", "syscall(157, 36, 1, 0, 0, 0); exit(system(@ARGV) >> 8)"];

it("by fakeroot ends, and keeps owners, also where nobody reaps orphans", async () => {
  const scratch = mkdtempSync(join(tmpdir(), "banger-rootless-"));
  const file = join(scratch, "file");
  const signal = AbortSignal.timeout(10_000);
  const { within } = await chooseRootless(run, scratch, signal, { highestId: 0, devices: true });
  const inIt = (...args: string[]) =>
    run({ file: "sh", args: ["-c", ...args], within: [...reapsNothing, ...within], signal });
  await inIt('touch "$0"; chown 2000000:7 "$0"', file);
  expect((await inIt('stat -c %u:%g "$0"', file)).stdout).toBe("2000000:7\n");
  rmSync(scratch, { recursive: true });
});
