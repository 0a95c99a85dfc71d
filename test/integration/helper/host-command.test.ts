import { existsSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { createHostCommand } from "../../../src/helper/process/host-command.ts";
import { Spans } from "../../../src/telemetry/spans.ts";
import { startTracer } from "../../../src/telemetry/tracer.ts";

/** The name of a process; of one that is gone, or ended and not waited for, none. */
function nameOf(pid: number): string | undefined {
  const path = `/proc/${pid}/cmdline`;
  return existsSync(path) ? readFileSync(path, "utf8").split("\0")[0] : undefined;
}

const spans = new Spans(startTracer("test", () => undefined));

it("ends a program at the deadline with all that it started, though that holds its output open", async () => {
  const command = createHostCommand(spans, 200);
  const { output, ...ended } = await command("setpriv", ["sh", "-c", "sleep 60 & echo $!; wait"]);
  expect(ended).toEqual({ code: 137, endedAfterMs: 200 });
  await expect.poll(() => nameOf(Number(output))).not.toBe("sleep");
});
