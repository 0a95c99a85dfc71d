import type { Installation } from "../../installation/install-file.ts";
import { readInstallFile } from "../../installation/read-install-file.ts";
import { asOwner } from "../../setup/host/as-owner.ts";
import type { DaemonLink } from "../../setup/deps.ts";
import type { Spans } from "../../telemetry/spans.ts";
import type { Input, MethodKey, Result } from "../command.ts";
import { DaemonConnection } from "../daemon-connection.ts";

/** One that doesn't answer in so long is as good as none: whoever waits for it asks again. */
const pingMs = 2_000;
/** A guest has half a minute to shut down, and then is killed. */
const stopMs = 60_000;

/** Connects to the daemon of an installation as its owner, whom alone it serves; root may become him. */
export async function connectAsOwner(config: string, spans?: Spans): Promise<DaemonConnection> {
  const { ownerUid, ownerGid } = readInstallFile(config);
  // The kernel notes who connects at the moment of connecting, which is now.
  return asOwner({ ownerUid, ownerGid }, () => DaemonConnection.open(config, spans));
}

/** Does something with the rights of the owner whom an install file names, where there is one. */
export function asOwnerOf(config: string, work: () => void): void {
  const owner = ownerIn(config);
  if (owner !== undefined) asOwner(owner, work);
}

function ownerIn(config: string): Installation | undefined {
  try {
    return readInstallFile(config);
  } catch {
    return undefined;
  }
}

/** The daemon of an installation, as the system commands ask it: each time anew, as it is stopped and started between. */
export function ownersDaemon(spans?: Spans): (installation: Installation, config: string) => DaemonLink {
  return (_, config) => {
    const call = async <K extends MethodKey>(key: K, params: Input<K>, deadlineMs: number): Promise<Result<K>> => {
      const connection = await connectAsOwner(config, spans);
      try {
        return await connection.call(key, params, { deadlineMs });
      } finally {
        await connection.close([]);
      }
    };
    const vms = async (deadlineMs: number) =>
      (await call("vmList", {}, deadlineMs)).vms.map(({ id, name, state }) => ({ id, name, state }));
    return {
      ping: async () => {
        const {
          version,
          pid,
          helper_version: helperVersion = null,
          helper_error: helperError,
        } = await call("ping", {}, pingMs);
        return { version, pid, helperVersion, ...(helperError === undefined ? {} : { helperError }) };
      },
      vms: () => vms(pingMs),
      vmsToStop: () => vms(stopMs),
      stopVm: async (id) => void (await call("vmStop", { vm: id }, stopMs)),
      networkDown: async () => void (await call("networkDown", {}, stopMs)),
    };
  };
}
