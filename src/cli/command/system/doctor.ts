import { printable } from "../../../rpc/printable.ts";
import { command, type Result } from "../../command.ts";
import { lines } from "../../output/names.ts";

/** `doctor`: 0 when no check found an error, else 1. */
export const systemDoctor = command({
  noun: "system",
  verb: "doctor",
  method: "systemDoctor",
  positionals: [],
  examples: ["banger doctor", "banger doctor --fix", "banger doctor --json"],
  run: async ({ call, print }, params) => {
    const diagnosis = await call("systemDoctor", params);
    await print(diagnosis, (all) => lines([...all.done, ...all.checks.flatMap(textOf)]));
    return diagnosis.checks.some(({ findings }) => findings.some(({ level }) => level === "error")) ? 1 : 0;
  },
});

/** A check as lines: its name and that all is well, or what it found, each with the next step. */
function textOf({ name, findings }: Result<"systemDoctor">["checks"][number]): string[] {
  if (findings.length === 0) return [`ok       ${name}`];
  return findings.flatMap(({ level, message, hint }) => [
    `${level.padEnd(8)} ${name}: ${printable(message)}`,
    `         ${printable(hint)}`,
  ]);
}
