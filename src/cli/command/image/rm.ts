import { command } from "../../command.ts";

/** `image rm`. */
export const imageRm = command({
  noun: "image",
  verb: "rm",
  method: "imageRemove",
  positionals: ["image"],
  examples: ["banger image rm bookworm"],
  run: async ({ call, print, note, json }, params) => {
    const removed = await call("imageRemove", params);
    if (json) print(removed, () => "");
    else note(`${removed.name} is removed`);
  },
});
