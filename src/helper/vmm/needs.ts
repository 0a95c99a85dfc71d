import { accessSync, closeSync, constants, fstatSync, openSync } from "node:fs";
import type { helperContract } from "../../rpc/contract/helper.ts";
import { mostVolumes } from "../../rpc/contract/fields.ts";
import type { ResultOf } from "../../rpc/contract/method.ts";
import type { HelperDeps } from "../deps.ts";
import { tunDevice } from "../network/tun.ts";
import { programs as hostPrograms } from "../process/host-command.ts";
import { systemBus } from "../systemd/manager.ts";
import { freeUid } from "../process/uid-lease.ts";
import { qemuFiles } from "../../installation/qemu-files.ts";

const tunNumber = (10 << 8) | 200;

type Looked = ResultOf<typeof helperContract.hostLook>;

/** What a VMM needs of this host and doesn't find, each with the reason; it starts nothing. */
export function lookAtVmmNeeds(deps: HelperDeps): Pick<Looked, "missing" | "uid_is_free" | "most_volumes"> {
  const { programs, asService } = deps;
  const asked = asService ? { programs: [hostPrograms.busctl], sockets: [systemBus] } : { programs: [], sockets: [] };
  const runnable = [qemuFiles.program, hostPrograms.setpriv, ...Object.values(programs), ...asked.programs];
  const missing = [
    ...runnable.map((path) => ({ path, why: reasonOf(() => accessSync(path, constants.X_OK)) })),
    { path: qemuFiles.firmware, why: reasonOf(() => accessSync(qemuFiles.firmware, constants.R_OK)) },
    { path: tunDevice, why: reasonOf(() => mustBeTun(tunDevice)) },
    ...asked.sockets.map((path) => ({ path, why: reasonOf(() => accessSync(path)) })),
  ].flatMap(({ path, why }) => (why === undefined ? [] : [{ path, why }]));
  return { missing, uid_is_free: freeUid(deps) !== undefined, most_volumes: mostVolumes };
}

/** Opens it as a tap would be made, and looks whether it is the device (10, 200 in the kernel's devices.txt). */
function mustBeTun(path: string): void {
  const fd = openSync(path, "r+");
  try {
    const stat = fstatSync(fd);
    if (!stat.isCharacterDevice() || stat.rdev !== tunNumber) throw Object.assign(new Error(path), { code: "ENODEV" });
  } finally {
    closeSync(fd);
  }
}

/** The error's code (errno(3)); undefined when there is none. */
function reasonOf(attempt: () => void): string | undefined {
  try {
    attempt();
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? "unknown";
  }
}
