import { command } from "../../command.ts";

/** `network down`. */
export const networkDown = command({
  noun: "network",
  verb: "down",
  method: "networkDown",
  positionals: [],
  examples: ["banger network down"],
  run: async ({ call, print, note, json }) => {
    const result = await call("networkDown", {});
    if (json) await print(result, () => "");
    else note(result.removed ? "the network is removed" : "there was no network");
  },
});
