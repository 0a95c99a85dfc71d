import { printableLine } from "../../../rpc/printable.ts";
import { command, type Result } from "../../command.ts";
import { columns } from "../../output/table.ts";

type Shown = Result<"configShow">;

/** `config show`. */
export const configShow = command({
  noun: "config",
  verb: "show",
  method: "configShow",
  positionals: [],
  examples: ["banger config show", "banger config show --json"],
  run: async ({ call, print, note }) => {
    const shown = await call("configShow", {});
    await print(shown, ({ keys, path }) =>
      columns([["KEY", "VALUE", "FROM"], ...keys.map(({ key, value, line }) => [key, text(value), from(path, line)])]),
    );
    for (const { lacks } of shown.keys) if (lacks !== undefined) note(`! ${printableLine(lacks)}`);
    if (!shown.present) note(`there is no file ${shown.path ?? "of the owner's, who has no home in passwd"}`);
  },
});

function from(path: Shown["path"], line: number | null): string {
  return line === null ? "built-in" : `${path}:${line}`;
}

function text(value: Shown["keys"][number]["value"]): string {
  if (value === null) return "-";
  if (typeof value !== "object") return String(value);
  if (Array.isArray(value)) return value.join(", ");
  return Object.entries(value)
    .map(([key, each]) => `${key}=${each}`)
    .join(", ");
}
