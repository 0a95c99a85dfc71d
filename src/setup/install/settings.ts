import { rmSync } from "node:fs";
import { type Installation, type Installed, parseInstallFile } from "../../installation/install-file.ts";
import { randomHex } from "../../telemetry/random.ts";
import { chooseSubnet } from "./choose-subnet.ts";
import type { SetupDeps } from "../deps.ts";
import { isThere, readIfThere, writeDurably } from "../host/durable-file.ts";
import type { Found } from "../found.ts";
import type { Places } from "../host/places.ts";
import type { User } from "../host/users.ts";

/** Where VMs are kept when nobody says otherwise, and the uids that no system hands out. */
const usual = {
  stateDir: "/var/lib/banger",
  runDir: "/run/banger",
  helperRunDir: "/run/banger-root",
  uidFirst: 60_706,
  uidCount: 256,
} as const;

/** The settings of an installation: those that are there, or new ones, which fit a state that an earlier one left. */
export function settingsFor({ places, routes }: SetupDeps, found: Found, { uid, gid }: User): Installation {
  if (found.file !== undefined) return found.file.installation;
  const identity = { ownerUid: uid, ownerGid: gid };
  const kept = keptSettings(places);
  if (kept !== undefined && isThere(places.at(kept.stateDir))) {
    const { installed: _, ...settings } = kept;
    return { ...settings, ...identity };
  }
  return {
    ...usual,
    ...identity,
    id: randomHex(4),
    subnet: chooseSubnet(routes()),
    resolvers: [],
    zone: "vm",
  };
}

/** The text of an install file that says, beside what it said, what was installed. What its root wrote into it otherwise stays. */
export function withInstalled(text: string, { owner, version, at, opId }: Installed): string {
  const kept = text
    .split("\n")
    .filter((line) => !/^\s*(owner|version|installed_at|op_id)\s*=/.test(line))
    .join("\n")
    .trimEnd();
  return `${kept}\nowner = "${owner}"\nversion = "${version}"\ninstalled_at = "${at}"\nop_id = "${opId}"\n`;
}

/** Leaves the settings to the next installation: the state is where they say, and VMs that stay have addresses of the subnet. */
export function keepSettings({ kept }: Places, text: string): void {
  writeDurably(kept, text, 0o644);
}

/** Forgets them. */
export function forgetSettings({ kept }: Places): void {
  rmSync(kept, { force: true });
}

/** What was left so. It decides what root does to this host, so it lies where root alone writes, and nothing in the owner's state is asked. */
export function keptSettings({ kept }: Places): Installation | undefined {
  const text = readIfThere(kept)?.text;
  if (text === undefined) return undefined;
  try {
    return parseInstallFile(text);
  } catch {
    return undefined;
  }
}
