import { command } from "../../command.ts";
import { sourceFile } from "../../source-file.ts";

/** `image import`: prints the new image's name. */
export const imageImport = command({
  noun: "image",
  verb: "import",
  method: "imageImport",
  positionals: ["source"],
  files: ["source"],
  examples: [
    "banger image import ./rootfs.tar.gz --name alpine",
    "banger image import ./disk.ext4 --name custom",
    "banger image import ./cloud.qcow2 --partition 1",
  ],
  prepare: (params) => ({ ...params, source: sourceFile("image", params.source) }),
  show: ({ print }, image) => print(image, ({ name }) => `${name}\n`),
});
