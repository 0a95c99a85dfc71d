import { BangerError } from "../../rpc/contract/errors.ts";
import { alone } from "../alone.ts";
import type { SetupDeps } from "../deps.ts";
import { lookAtHost } from "../found.ts";
import { awaitReady } from "./ready.ts";
import { services, sockets } from "../setup.ts";
import { socketsOf } from "./socket-files.ts";
import { vmmsOf } from "../host/vmms.ts";

/** Which of the two; both when neither is named. */
export interface RestartOptions {
  readonly daemon: boolean;
  readonly helper: boolean;
}

/** What came of it. */
export interface Restarted {
  readonly restarted: readonly string[];
  readonly version: string;
  /** How many VMs run, before and after. */
  readonly vms: { readonly before: number; readonly after: number };
}

/** Starts the services anew, and waits until they answer. VMs run on. */
export async function restart(deps: SetupDeps, options: RestartOptions): Promise<Restarted> {
  return alone(deps, "system restart", () => restarted(deps, options));
}

async function restarted(deps: SetupDeps, { daemon, helper }: RestartOptions): Promise<Restarted> {
  const { file, current } = lookAtHost(deps);
  if (file === undefined || current === undefined) {
    throw new BangerError("not_found", "no service of banger's is installed", {
      details: { hint: "`sudo bin/banger system install`, of a package, installs them." },
    });
  }
  const both = daemon === helper;
  const units = [...(both || helper ? ["bangerd-root.service"] : []), ...(both || daemon ? ["bangerd.service"] : [])];
  const before = vmmsOf(deps.places, file.installation).length;
  const old = await deps
    .daemonOf(file.installation, deps.places.config)
    .ping()
    .catch(() => undefined);
  const replaced = await deps.systemd.show(units);
  await deps.systemd.forgetFailures([...units, ...sockets]);
  // Nothing in /run is for good: what is gone is made by the rules that made it.
  await deps.run("/usr/bin/systemd-tmpfiles", ["--create", deps.places.at("/etc/tmpfiles.d/banger.conf")]);
  if (socketsOf(deps, file.installation).some(({ there }) => !there))
    await deps.systemd.stop([...services, ...sockets]);
  await deps.systemd.start(sockets);
  await deps.systemd.restartSoon(units);
  const { version } = await awaitReady(deps, file.installation, {
    version: current,
    otherThan: units.includes("bangerd.service") ? old?.pid : undefined,
    replaced,
    signal: deps.signal,
  });
  return { restarted: units, version, vms: { before, after: vmmsOf(deps.places, file.installation).length } };
}
