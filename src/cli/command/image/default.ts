import { command } from "../../command.ts";

/** `image default`. */
export const imageDefault = command({
  noun: "image",
  verb: "default",
  method: "imageDefault",
  positionals: ["image"],
  examples: ["banger image default debian"],
  run: async ({ call, print, note, json }, params) => {
    const image = await call("imageDefault", params);
    if (json) await print(image, () => "");
    else note(`${image.name} is the default`);
  },
});
