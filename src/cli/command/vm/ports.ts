import { command } from "../../command.ts";
import { table } from "../../output/table.ts";

/** `vm ports`. */
export const vmPorts = command({
  noun: "vm",
  verb: "ports",
  method: "vmPorts",
  positionals: ["vm"],
  examples: ["banger vm ports web", "banger vm ports --json web"],
  run: async ({ call, print }, params) =>
    print(await call("vmPorts", params), ({ ports, more }) => {
      const rows = table(
        ["PROTOCOL", "ADDRESS", "PORT", "PROCESS"],
        ports.map(({ protocol, address, port, process }) => [protocol, address, String(port), process ?? "-"]),
        "nothing listens in it",
      );
      return more ? `${rows}there are more than these ${ports.length}\n` : rows;
    }),
});
