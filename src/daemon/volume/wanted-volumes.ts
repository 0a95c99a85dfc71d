import { BangerError } from "../../rpc/contract/errors.ts";
import { mostVolumes } from "../../rpc/contract/fields.ts";
import { readVolumeUse } from "../../rpc/contract/volume-use.ts";
import { mustBeUnused, type StoredVolume } from "./volume-records.ts";

/** A volume that a VM is to have. */
export interface WantedVolume {
  readonly name: string;
  readonly path: string;
  /** What was asked for; undefined: as it is, or a new one's usual size. */
  readonly sizeMib: number | undefined;
  /** True for the VM's own, which is made for it and goes with it. */
  readonly workDisk: boolean;
}

/** Where a work disk is mounted. */
const home = "/home";

/** What is asked for, read and looked at: each once, each place once, none that a VM has. `has`: what the VM has already. */
export function wantedVolumes(
  asked: { readonly vm: string; readonly volume: readonly string[]; readonly workDiskMib?: number | undefined },
  named: (name: string) => StoredVolume | undefined,
  has: readonly { readonly name: string; readonly path: string }[] = [],
): WantedVolume[] {
  const { vm, volume, workDiskMib } = asked;
  const wanted = [
    ...(workDiskMib === undefined ? [] : [{ name: vm, path: home, sizeMib: workDiskMib, workDisk: true }]),
    ...volume.map((text) => ({ ...use(text), workDisk: false })),
  ];
  for (const { name } of wanted) mustNotBeThere(asked.vm, name, has);
  for (const field of ["name", "path"] as const)
    mustDiffer(
      [...has, ...wanted].map((one) => one[field]),
      field,
    );
  if (has.length + wanted.length > mostVolumes) {
    throw refused(`volume: a VM has at most ${mostVolumes} volumes, its work disk among them`);
  }
  for (const one of wanted) mustFit(one, named(one.name));
  return wanted;
}

/** The contract has seen to its form. */
function use(text: string) {
  const read = readVolumeUse(text);
  if (read === undefined) throw refused(`volume: ${JSON.stringify(text)} is not NAME:/PATH[:SIZE]`);
  return read;
}

/** A volume is at one place; another one is given to it by taking it away as well. */
function mustNotBeThere(vm: string, name: string, has: readonly { readonly name: string; readonly path: string }[]) {
  const there = has.find((one) => one.name === name);
  if (there === undefined) return;
  throw new BangerError("bad_params", `volume: ${vm} has ${name} already, at ${there.path}`, {
    details: { field: "volume", hint: `With \`--no-volume ${name}\` besides it is moved.` },
  });
}

function mustDiffer(values: readonly string[], what: "name" | "path"): void {
  const twice = values.find((value, index) => values.indexOf(value) !== index);
  if (twice === undefined) return;
  throw refused(
    what === "name" ? `volume: ${twice} is asked for twice` : `volume: two of them are to be mounted on ${twice}`,
  );
}

function mustFit({ name, sizeMib, workDisk }: WantedVolume, there: StoredVolume | undefined): void {
  if (there === undefined) return;
  if (workDisk) {
    throw new BangerError("already_exists", `work_disk_mib: a volume is called ${name} already`, {
      details: {
        field: "work_disk_mib",
        hint: `Give the VM that one, \`--volume ${name}:${home}\`, or call the VM otherwise.`,
      },
    });
  }
  mustBeUnused(there);
  if (sizeMib === undefined || sizeMib === there.size_mib) return;
  throw refused(
    `volume: ${name} is there, and has ${there.size_mib} MiB, not ${sizeMib}; leave the size out, or \`banger volume set\` it`,
  );
}

function refused(message: string): BangerError {
  return new BangerError("bad_params", message, { details: { field: "volume" } });
}
