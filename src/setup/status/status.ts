import type { Installation } from "../../installation/install-file.ts";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { SetupDeps } from "../deps.ts";
import { lookAtHost } from "../found.ts";
import { namesOf, vmmsOf } from "../host/vmms.ts";
import { lastWordsOf, whyItEnded } from "../service/journal-words.ts";
import { socketsOf } from "../service/socket-files.ts";
import type { UnitState } from "../service/systemd.ts";
import { services, sockets } from "../setup.ts";
import { driftFrom } from "./installation-drift.ts";
import type { Asked, Seen, Trouble } from "./seen.ts";
import { troublesOf } from "./troubles.ts";

/** How an installation is. */
export interface SystemStatus {
  readonly installed: boolean;
  readonly version: {
    /** What `current` leads to, */
    readonly on_disk: string | null;
    /** what the install file says was ready last, */
    readonly recorded: string | null;
    /** and what runs; null where nobody answers whoever asks. */
    readonly daemon: string | null;
    readonly helper: string | null;
  };
  readonly versions: readonly string[];
  readonly owner: string | null;
  /** When the recorded version was ready, in UTC, and by which operation. */
  readonly installed_at: string | null;
  readonly op_id: string | null;
  readonly units: readonly {
    readonly unit: string;
    readonly active: string;
    readonly enabled: string;
    readonly pid: number;
  }[];
  readonly sockets: readonly { readonly path: string; readonly there: boolean }[];
  /** VMs that run, by name where a daemon says it, else by id: whoever is there to be asked about them. */
  readonly vmms: readonly { readonly pid: number; readonly vm: string }[];
  /** Files that aren't what was installed. */
  readonly drift: readonly { readonly path: string; readonly what: string }[];
  readonly troubles: readonly Trouble[];
}

/** Looks at an installation, and changes nothing. */
export async function systemStatus(deps: SetupDeps): Promise<SystemStatus> {
  const found = lookAtHost(deps);
  const installation = found.file?.installation;
  const units = await deps.systemd.show([...services, ...sockets]);
  const asked = installation === undefined ? undefined : await ask(deps, installation);
  const drift = await driftFrom(deps, found);
  const vmms = installation === undefined ? [] : vmmsOf(deps.places, installation);
  const names = installation === undefined ? [] : await namesOf(vmms, deps.daemonOf(installation, deps.places.config));
  const seen: Seen = { deps, found, units, asked, drift, vmms: vmms.length, words: await wordsOf(deps, units) };
  return {
    installed: installation !== undefined && found.current !== undefined,
    version: {
      on_disk: found.current ?? null,
      recorded: installation?.installed?.version ?? null,
      daemon: asked?.answer?.version ?? null,
      helper: asked?.answer?.helperVersion ?? null,
    },
    versions: found.versions.toSorted(),
    owner: installation?.installed?.owner ?? null,
    installed_at: installation?.installed?.at ?? null,
    op_id: installation?.installed?.opId ?? null,
    units: units.map(({ unit, active, enabled, pid }) => ({ unit, active, enabled, pid })),
    sockets: socketsOf(deps, installation),
    vmms: vmms.map(({ pid }, index) => ({ pid, vm: names[index] ?? "" })),
    drift,
    troubles: troublesOf(seen),
  };
}

async function ask({ daemonOf, places }: SetupDeps, installation: Installation): Promise<Asked> {
  try {
    return { answer: await daemonOf(installation, places.config).ping(), error: undefined };
  } catch (error) {
    if (!(error instanceof BangerError)) throw error;
    return { answer: undefined, error };
  }
}

async function wordsOf({ run }: SetupDeps, units: readonly UnitState[]): Promise<Seen["words"]> {
  const down = units.filter(
    ({ unit, active }) => unit.endsWith(".service") && !["active", "inactive"].includes(active),
  );
  const said = down.map(async ({ unit }) => [unit, whyItEnded(await lastWordsOf(run, [unit]))] as const);
  return Object.fromEntries(await Promise.all(said));
}
