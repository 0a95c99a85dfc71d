import { existsSync } from "node:fs";
import { type Installation, parseInstallFile } from "../installation/install-file.ts";
import { InstallFileError } from "../installation/install-file-error.ts";
import { BangerError } from "../rpc/contract/errors.ts";
import type { SetupDeps } from "./deps.ts";
import { linkText, readIfThere } from "./host/durable-file.ts";
import { readTree, type Tree, versionsIn } from "./package/tree.ts";

/** What is on this host before anything is done. */
export interface Found {
  /** The install file, as it is and as it is understood; undefined where there is none. */
  readonly file: { readonly text: string; readonly installation: Installation } | undefined;
  /** The version that `current` leads to. */
  readonly current: string | undefined;
  /** The versions that are there whole. */
  readonly versions: readonly string[];
}

/** Looks at what is installed. */
export function lookAtHost({ places }: Pick<SetupDeps, "places">): Found {
  const text = readIfThere(places.config)?.text;
  return {
    file: text === undefined ? undefined : { text, installation: parse(text, places.configName) },
    current: linkText(places.current),
    versions: versionsIn(places.library),
  };
}

/** The package that this program is a part of. */
export function ownPackage({ packageRoot }: Pick<SetupDeps, "packageRoot">): Tree {
  const tree = readTree(packageRoot);
  if (tree !== undefined) return tree;
  throw new BangerError("bad_content", `${packageRoot} is no package: it has no manifest.json`, {
    details: {
      hint: existsSync(`${packageRoot}/package.json`)
        ? "This is a checkout: `make package`, unpack what that makes, and run its bin/banger."
        : "Unpack the package anew, and run the bin/banger in it.",
    },
  });
}

/** The version that was ready last, whole on disk: what an upgrade that fails goes back to. */
export function versionBefore({ places }: Pick<SetupDeps, "places">, found: Found): Tree | undefined {
  const recorded = found.file?.installation.installed?.version;
  for (const version of [recorded, found.current]) {
    if (version !== undefined && found.versions.includes(version)) return readTree(places.version(version));
  }
  return undefined;
}

function parse(text: string, name: string): Installation {
  try {
    return parseInstallFile(text);
  } catch (cause) {
    if (!(cause instanceof InstallFileError)) throw cause;
    throw new BangerError("bad_content", `${name}: ${cause.message}`, {
      cause,
      details: { hint: "Mend the file, or move it away: a new one is then written." },
    });
  }
}
