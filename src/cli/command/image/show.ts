import { command } from "../../command.ts";
import { imageFields } from "./render.ts";

/** `image show`. */
export const imageShow = command({
  noun: "image",
  verb: "show",
  method: "imageShow",
  positionals: ["image"],
  examples: ["banger image show bookworm"],
  run: async ({ call, print }, params) => print(await call("imageShow", params), imageFields),
});
