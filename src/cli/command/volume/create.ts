import { command } from "../../command.ts";

/** `volume create`: prints the new volume's name. */
export const volumeCreate = command({
  noun: "volume",
  verb: "create",
  method: "volumeCreate",
  positionals: ["name"],
  examples: ["banger volume create data", "banger volume create data --size 100G"],
  show: ({ print }, volume) => print(volume, ({ name }) => `${name}\n`),
});
