import { command } from "../../command.ts";
import { lines } from "../../output/names.ts";
import { imageTable } from "./render.ts";

/** `image ls`. */
export const imageLs = command({
  noun: "image",
  verb: "ls",
  aliases: ["list"],
  method: "imageList",
  positionals: [],
  quiet: "the names alone, a line each",
  examples: ["banger image ls", "banger image ls -q"],
  run: async ({ call, print, quiet }) =>
    print(await call("imageList", {}), ({ images }) =>
      quiet ? lines(images.map(({ name }) => name)) : imageTable(images),
    ),
});
