import { command } from "../../command.ts";
import { volumeFields } from "./render.ts";

/** `volume show`. */
export const volumeShow = command({
  noun: "volume",
  verb: "show",
  method: "volumeShow",
  positionals: ["volume"],
  examples: ["banger volume show data"],
  run: async ({ call, print }, params) => print(await call("volumeShow", params), volumeFields),
});
