import { command } from "../../command.ts";

/** `image build`: prints the new image's name. */
export const imageBuild = command({
  noun: "image",
  verb: "build",
  method: "imageBuild",
  positionals: ["recipe"],
  short: { packages: "p" },
  examples: ["banger image build debian", "banger image build debian --name dev --packages git --packages curl"],
  show: ({ print }, image) => print(image, ({ name }) => `${name}\n`),
});
