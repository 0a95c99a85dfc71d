import { BangerError } from "../../rpc/contract/errors.ts";
import type { ReadConfig } from "./user-config.ts";

/** The keys that name something which may not be there. */
const naming = ["image", "kernel"] as const;
type Naming = (typeof naming)[number];

/** Finds by name, or throws. */
export type Finders = Readonly<Record<Naming, (name: string) => unknown>>;

/** Finds what the file names and no caller; a failure says where it stands. */
export function inConfig<T>({ path, lines }: ReadConfig, key: Naming, find: () => T): T {
  try {
    return find();
  } catch (error) {
    if (!(error instanceof BangerError)) throw error;
    const where = `${path}:${lines.get(`defaults.${key}`)}: defaults.${key}`;
    throw new BangerError("bad_config", `${where}: ${error.plain}`, { cause: error });
  }
}

/** Of what a file names, what isn't there: why a VM can't be made with it, by key. */
export function absentIn(config: ReadConfig, find: Finders): ReadonlyMap<string, string> {
  const { defaults } = config.values;
  return new Map(
    naming.flatMap((key): [string, string][] => {
      const name = defaults[key];
      try {
        if (name !== undefined) inConfig(config, key, () => find[key](name));
        return [];
      } catch (error) {
        if (!(error instanceof BangerError)) throw error;
        return [[`defaults.${key}`, error.plain]];
      }
    }),
  );
}
