import { command } from "../../command.ts";
import { imageTable } from "./render.ts";

/** `image ls`. */
export const imageLs = command({
  noun: "image",
  verb: "ls",
  method: "imageList",
  positionals: [],
  examples: ["banger image ls"],
  run: async ({ call, print }) => print(await call("imageList", {}), ({ images }) => imageTable(images)),
});
