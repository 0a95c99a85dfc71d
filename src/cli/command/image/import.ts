import { resolve } from "node:path";
import { command } from "../../command.ts";

/** `image import`: prints the new image's name. */
export const imageImport = command({
  noun: "image",
  verb: "import",
  method: "imageImport",
  positionals: ["source"],
  files: ["source"],
  examples: ["banger image import ./rootfs.tar.gz --name alpine", "banger image import ./disk.ext4 --name custom"],
  run: async ({ call, print }, params) =>
    print(await call("imageImport", { ...params, source: resolve(params.source) }), ({ name }) => `${name}\n`),
});
