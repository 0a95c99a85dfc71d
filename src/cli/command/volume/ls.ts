import { command } from "../../command.ts";
import { lines } from "../../output/names.ts";
import { volumeTable } from "./render.ts";

/** `volume ls`. */
export const volumeLs = command({
  noun: "volume",
  verb: "ls",
  aliases: ["list"],
  method: "volumeList",
  positionals: [],
  quiet: "the names alone, a line each",
  examples: ["banger volume ls", "banger volume ls -q"],
  run: async ({ call, print, quiet }) =>
    print(await call("volumeList", {}), ({ volumes }) =>
      quiet ? lines(volumes.map(({ name }) => name)) : volumeTable(volumes),
    ),
});
