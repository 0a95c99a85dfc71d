import { printable } from "../../../rpc/printable.ts";
import { command, type Result } from "../../command.ts";
import { lines } from "../../output/names.ts";
import { lookWithoutDaemon } from "./without-daemon.ts";

/** `doctor`: 0 when no check found an error, else 1. Without a daemon it says what can be seen from here. */
export const systemDoctor = command({
  noun: "system",
  verb: "doctor",
  method: "systemDoctor",
  positionals: [],
  examples: ["banger doctor", "banger doctor --fix", "banger doctor --json"],
  withoutDaemon: true,
  run: async ({ call, config, print }, params) => {
    const diagnosis = await call("systemDoctor", params).catch((error: unknown) => lookWithoutDaemon(config, error));
    await print(diagnosis, (all) => lines([...all.done, ...all.checks.flatMap(textOf)]));
    return diagnosis.checks.some(({ findings }) => findings.some(({ level }) => level === "error")) ? 1 : 0;
  },
});

/** A check as lines: its name and that all is well, or what it found, each with the next step. */
function textOf({ name, findings, says }: Result<"systemDoctor">["checks"][number]): string[] {
  const said = says === undefined ? "" : printable(says);
  if (findings.length === 0) return [`ok       ${name}${said === "" ? "" : `: ${said}`}`];
  const found = findings.flatMap(({ level, message, hint }) => [
    `${level.padEnd(8)} ${name}: ${printable(message)}`,
    `         ${printable(hint)}`,
  ]);
  return said === "" ? found : [...found, `         ${said}`];
}
