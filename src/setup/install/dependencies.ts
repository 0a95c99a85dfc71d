import { existsSync } from "node:fs";
import { arch, platform } from "node:process";
import { firecrackerPlaces } from "../../installation/firecracker-places.ts";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { Places } from "../host/places.ts";
import type { Systemd } from "../service/systemd.ts";

/** The oldest systemd that was tried is 252; what the units ask for came with this one. */
const leastSystemd = 250;

/** A file, by its path, and the Debian package that has it. */
type Needed = readonly [path: string, debian: string];

/** What no VM runs without where there is no Firecracker, or no KVM for it. */
const ofQemu: readonly Needed[] = [
  ["/usr/bin/qemu-system-x86_64", "qemu-system-x86"],
  ["/usr/share/qemu/qboot.rom", "qemu-system-data"],
];

/** What nothing works without; what one command needs, `banger doctor` tells. */
const ofAll: readonly Needed[] = [
  ["/usr/bin/qemu-img", "qemu-utils"],
  ["/sbin/mke2fs", "e2fsprogs"],
  ["/usr/bin/setpriv", "util-linux"],
  ["/usr/bin/tar", "tar"],
  ["/usr/bin/ssh", "openssh-client"],
];

/** Refuses a host on which banger can't be a service, and says all that is missing at once. */
export async function mustHaveDependencies(places: Places, systemd: Systemd): Promise<void> {
  if (platform !== "linux" || arch !== "x64") {
    throw new BangerError("not_ready", `this is ${platform} on ${arch}; banger runs on Linux, x86-64`);
  }
  const version = await systemd.version();
  if (version === undefined || !existsSync(places.systemdRuns)) throw withoutSystemd("systemd doesn't run this host");
  if (version < leastSystemd) throw withoutSystemd(`systemd ${version} is older than ${leastSystemd}`);
  const isThere = (path: string) => existsSync(places.at(path));
  const hasFirecracker = firecrackerPlaces.firecracker.some(isThere) && isThere("/dev/kvm");
  const missing = [...(hasFirecracker ? [] : ofQemu), ...ofAll].filter(([path]) => !isThere(path));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map(([, debian]) => debian))];
  throw new BangerError("not_ready", `missing: ${missing.map(([path]) => path).join(", ")}`, {
    details: {
      missing: missing.map(([path]) => path),
      hint: `On Debian or Ubuntu: \`sudo apt-get install --no-install-recommends ${packages.join(" ")}\`; then again.`,
    },
  });
}

function withoutSystemd(why: string): BangerError {
  return new BangerError("not_ready", `${why}, so there can be no services`, {
    details: {
      hint: "By hand it runs all the same: write /etc/banger/install.toml, then `bin/bangerd-root &` as root and `bin/bangerd &` as the owner (docs/operating.md).",
    },
  });
}
