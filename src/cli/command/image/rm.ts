import { command } from "../../command.ts";

/** `image rm`. */
export const imageRm = command({
  noun: "image",
  verb: "rm",
  aliases: ["delete", "remove"],
  method: "imageRemove",
  positionals: ["image"],
  several: true,
  examples: ["banger image rm bookworm", "banger image rm bookworm sid"],
  run: async ({ call, print, note, json }, params) => {
    const removed = await call("imageRemove", params);
    if (json) await print(removed, () => "");
    else note(`${removed.name} is removed`);
  },
});
