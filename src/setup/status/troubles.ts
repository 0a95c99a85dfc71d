import type { SetupDeps } from "../deps.ts";
import type { Seen, Trouble } from "./seen.ts";
import { ofMasks, ofUnits } from "./unit-troubles.ts";

/** All that is wrong, the first of it first. */
export function troublesOf(seen: Seen): Trouble[] {
  const { found, deps } = seen;
  if (found.file === undefined || found.current === undefined) {
    const left = found.file !== undefined || found.versions.length > 0;
    return [
      {
        code: left ? "unfinished" : "not_installed",
        message: left ? "an installation, or its removal, was cut off" : "nothing is installed",
        hint: left
          ? "Run `sudo bin/banger system install`, of the package, again; or `system uninstall`."
          : "Unpack a package and run `sudo bin/banger system install` in it.",
      },
    ];
  }
  return [...ofRecord(seen), ...ofUnits(seen), ...ofMasks(seen), ...ofVersions(seen, deps), ...ofDrift(seen)];
}

function ofRecord({ found: { file, current } }: Seen): Trouble[] {
  const recorded = file?.installation.installed?.version;
  if (recorded === current) return [];
  return [
    {
      code: "unfinished",
      message: `${current} was begun and never ready; recorded is ${recorded ?? "nothing"}`,
      hint: "Run the command that was cut off again: `system install` or `system upgrade`, of the same package.",
    },
  ];
}

function ofVersions({ found, asked }: Seen, { places }: SetupDeps): Trouble[] {
  if (asked?.error !== undefined) {
    // Whoever isn't the owner is told all the rest.
    if (asked.error.code === "not_owner") return [];
    return [
      {
        code: "no_answer",
        message: `the daemon doesn't answer: ${asked.error.plain}`,
        hint: "`sudo banger system restart`.",
      },
    ];
  }
  const { version, helperVersion, helperError } = asked?.answer ?? {};
  const troubles: Trouble[] = [];
  if (version !== found.current)
    troubles.push({
      code: "other_version",
      message: `bangerd ${version} runs, ${places.current} leads to ${found.current}`,
      hint: "`sudo banger system restart`; VMs run on.",
    });
  if (helperVersion === null)
    troubles.push({
      code: "no_helper",
      message: `the daemon doesn't reach the helper${helperError === undefined ? "" : `: ${helperError}`}`,
      hint: "`journalctl -u bangerd-root` says why; then `sudo banger system restart`.",
    });
  else if (helperVersion !== found.current)
    troubles.push({
      code: "other_version",
      message: `bangerd-root ${helperVersion} runs, ${places.current} leads to ${found.current}`,
      hint: "`sudo banger system restart --helper`; VMs run on.",
    });
  return troubles;
}

function ofDrift({ drift }: Seen): Trouble[] {
  if (drift.length === 0) return [];
  const [first] = drift;
  const more = drift.length === 1 ? "" : `, and ${drift.length - 1} more`;
  return [
    {
      code: "changed_by_hand",
      message: `not as it was installed: ${first?.path} is ${first?.what}${more}`,
      hint: "`sudo bin/banger system install`, of the same package, puts all back; settings for a unit belong into `systemctl edit`.",
    },
  ];
}
