import { command } from "../../command.ts";
import { fields } from "../../output/table.ts";

/** `network up`. */
export const networkUp = command({
  noun: "network",
  verb: "up",
  method: "networkUp",
  positionals: [],
  examples: ["banger network up"],
  run: async ({ call, print }) =>
    print(await call("networkUp", {}), ({ bridge, address, table }) =>
      fields([
        ["bridge", bridge],
        ["address", address],
        ["nftables table", `inet ${table}`],
      ]),
    ),
});
