import type { configContract } from "../../rpc/contract/config.ts";
import type { ResultOf } from "../../rpc/contract/method.ts";
import { configKeys, type ConfigKey, type FileValue, keyPath, valuesOf } from "./keys.ts";
import { absentIn, type Finders } from "./named-things.ts";
import type { ReadConfig } from "./user-config.ts";

/** Every key, what it is now, why no VM can be made with it, and on which line of the file that stands. */
export function configShown(config: ReadConfig, find: Finders): ResultOf<(typeof configContract)["configShow"]> {
  const { path, present, values, lines } = config;
  const absent = absentIn(config, find);
  const keys = Object.entries(configKeys as Record<string, Record<string, ConfigKey>>).flatMap(([section, declared]) =>
    Object.entries(declared).map(([name, { builtIn, show, summary }]) => {
      const inFile = valuesOf(values, section)[name];
      const value = inFile === undefined ? builtIn : inFile;
      return {
        key: keyPath(section, name),
        value: value === null ? null : copied(show(value)),
        line: inFile === undefined ? null : (lines.get(keyPath(section, name)) ?? null),
        summary,
        ...(absent.has(`${section}.${name}`) ? { lacks: absent.get(`${section}.${name}`) } : {}),
      };
    }),
  );
  return { path: path ?? null, present, keys };
}

function copied(value: FileValue): string | number | boolean | Record<string, string> | string[] | null {
  if (typeof value !== "object" || value === null) return value;
  return Array.isArray(value) ? [...(value as readonly string[])] : { ...(value as Record<string, string>) };
}
