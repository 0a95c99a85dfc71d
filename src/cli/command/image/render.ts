import type { Image } from "../../../rpc/contract/image.ts";
import { fields, table } from "../../output/table.ts";
import { age, shortId, size } from "../../output/units.ts";

/** Images as a table. */
export function imageTable(images: readonly Image[]): string {
  return table(
    ["NAME", "ID", "SIZE", "SOURCE", "CREATED", "DEFAULT"],
    images.map((image) => [
      image.name,
      shortId(image.id),
      image.missing === true ? "missing" : size(image.size),
      image.source,
      age(image.created_at),
      image.default === true ? "yes" : "",
    ]),
    "no images; `banger image build debian` makes one",
  );
}

/** One image, a field a line. */
export function imageFields(image: Image & { used_by: readonly string[] }): string {
  return fields([
    ["name", image.name],
    ["id", image.id],
    ["size", size(image.size)],
    ["state", image.missing === true ? "missing: its files are gone or cut off; `banger doctor` says more" : null],
    ["source", image.source],
    ["created", image.created_at],
    ["default", image.default === true ? "yes" : "no"],
    ["used by", image.used_by.join(", ")],
  ]);
}
