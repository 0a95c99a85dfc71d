import { command } from "../../command.ts";

/** `volume rm`. */
export const volumeRm = command({
  noun: "volume",
  verb: "rm",
  aliases: ["delete", "remove"],
  method: "volumeRemove",
  positionals: ["volume"],
  several: true,
  examples: ["banger volume rm data", "banger volume rm data web"],
  run: async ({ call, print, note, json }, params) => {
    const removed = await call("volumeRemove", params);
    if (json) await print(removed, () => "");
    else note(`${removed.name} is removed`);
  },
});
