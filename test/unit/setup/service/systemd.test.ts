import { describe, expect, it } from "vitest";
import type { Ran } from "../../../../src/setup/host/run-program.ts";
import { Systemd } from "../../../../src/setup/service/systemd.ts";

const done: Ran = { code: 0, stdout: "", stderr: "" };
const failed = (stderr: string): Ran => ({ code: 1, stdout: "", stderr });
const raced = failed("Job for bangerd-root.socket canceled.\n");

/** A systemctl that answers each time with the next of `answers`, and the last one from then on. */
function scripted(answers: readonly Ran[]) {
  const asked: string[] = [];
  const run = async (_: string, args: readonly string[]) => {
    asked.push(args.join(" "));
    return answers[Math.min(asked.length, answers.length) - 1] ?? done;
  };
  return { asked, systemd: new Systemd(run) };
}

describe("stopping units", () => {
  const units = ["bangerd.service", "bangerd-root.service", "bangerd-root.socket", "bangerd.socket"];

  it("stops sockets before what they would start again", async () => {
    const { asked, systemd } = scripted([done]);
    await systemd.stop(units);
    expect(asked).toEqual(["stop -- bangerd-root.socket bangerd.socket bangerd.service bangerd-root.service"]);
  });

  const rows: readonly (readonly [string, readonly Ran[], number, string | undefined])[] = [
    ["is asked for again when a connection's start came between", [raced, raced, done], 3, undefined],
    ["is given up when that goes on", [raced], 5, "Job for bangerd-root.socket canceled"],
    ["fails at once for any other reason", [failed("Unit is masked.")], 1, "systemctl stop failed: Unit is masked."],
  ];
  it.each(rows)("%s", async (_, answers, times, error) => {
    const { asked, systemd } = scripted(answers);
    const stopped = systemd.stop(units);
    if (error === undefined) await stopped;
    else await expect(stopped).rejects.toThrow(error);
    expect(asked).toHaveLength(times);
  });
});
