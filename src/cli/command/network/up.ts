import { command } from "../../command.ts";
import { tellWarnings } from "../../output/warnings.ts";
import { fields } from "../../output/table.ts";

/** `network up`. */
export const networkUp = command({
  noun: "network",
  verb: "up",
  method: "networkUp",
  positionals: [],
  examples: ["banger network up"],
  run: async ({ call, print, note }) => {
    const network = await call("networkUp", {});
    tellWarnings(network, note);
    await print(network, ({ bridge, address, table, names }) =>
      fields([
        ["bridge", bridge],
        ["address", address],
        ["nftables table", `inet ${table}`],
        ...(names === undefined
          ? []
          : [["names", `<vm>.${names.zone}, of ${names.server} port ${names.port ?? "(none)"}`] as const]),
      ]),
    );
  },
});
