import { realpathSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { BangerError } from "../../../rpc/contract/errors.ts";
import { command } from "../../command.ts";

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
  run: async ({ call, print }, params) =>
    print(await call("imageImport", { ...params, source: fileOf(params.source) }), ({ name }) => `${name}\n`),
});

/** The daemon's own standard input is not the caller's: of a descriptor that is a file here, the daemon gets its name. */
function fileOf(source: string): string {
  if (source !== "-" && !/^\/dev\/(stdin$|fd\/)|^\/proc\/self\/fd\//.test(source)) return resolve(source);
  const path = source === "-" ? "/dev/stdin" : source;
  if (statSync(path, { throwIfNoEntry: false })?.isFile() === true) return realpathSync(path);
  throw new BangerError("usage", `image import: source: ${source} is no file, and an image is read more than once`, {
    details: { field: "source", hint: "Save it first: `curl -o root.tar …; banger image import root.tar`." },
  });
}
