import { basename } from "node:path";
import { BangerError } from "../../rpc/contract/errors.ts";

const endings = /(\.(tar|tgz|txz|tbz2?|tzst|gz|xz|bz2|zst|lz4|ext[234]|img|raw|qcow2))+$/i;

/** What an image is called whose importer gave no name: its file's, made a name. */
export function nameOfFile(path: string): string {
  const name = basename(path)
    .replace(endings, "")
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replace(/^[^a-z]+/, "")
    .slice(0, 32)
    .replace(/-+$/, "");
  if (name !== "") return name;
  throw new BangerError(
    "bad_params",
    `name: none can be made of the file name ${JSON.stringify(basename(path))}; give --name`,
    {
      details: { field: "name" },
    },
  );
}
