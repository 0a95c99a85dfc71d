import type { ConfigValues } from "./keys.ts";
import type { ReadConfig } from "./user-config.ts";

/** Where the owner's file sets a default, as `FILE:LINE`; undefined where it doesn't. */
export function placeOf({ path, values, lines }: ReadConfig, key: keyof ConfigValues["defaults"]): string | undefined {
  return values.defaults[key] === undefined ? undefined : `${path}:${lines.get(`defaults.${key}`)}`;
}
