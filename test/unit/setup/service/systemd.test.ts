import { describe, expect, it } from "vitest";
import type { Ran } from "../../../../src/setup/host/run-program.ts";
import { Systemd } from "../../../../src/setup/service/systemd.ts";

const done: Ran = { code: 0, stdout: "", stderr: "" };
const failed = (stderr: string): Ran => ({ code: 1, stdout: "", stderr });
const raced = failed("Job for bangerd-root.socket canceled.\n");

/** A systemctl that answers each time with the next of `answers`, and the last one from then on; `shown` is what it says of units. */
function scripted(answers: readonly Ran[], shown = "") {
  const asked: string[] = [];
  const run = async (_: string, args: readonly string[]) => {
    if (args[0] === "show") return { ...done, stdout: shown };
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

  it("leaves out what has no file and doesn't run, for which it would fail", async () => {
    const of = (load: string, active: string, at: number) =>
      `Id=${units[at]}\nLoadState=${load}\nActiveState=${active}\n`;
    const ways = [of("loaded", "inactive", 0), of("not-found", "inactive", 1), of("not-found", "active", 2)];
    const { asked, systemd } = scripted([done], [...ways, of("bad-setting", "inactive", 3)].join("\n"));
    await systemd.stop(units);
    expect(asked).toEqual(["stop -- bangerd-root.socket bangerd.service"]);
    await systemd.stop(units.slice(1, 2));
    expect(asked).toHaveLength(1);
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
