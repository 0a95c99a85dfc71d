import { execFileSync } from "node:child_process";
import { version } from "../../src/version.ts";
import type { Sandbox } from "./sandbox.ts";

/** Where a sandbox has the package of this tree. */
export const ownPackage = `/mnt/banger/dist/package/banger-${version}-linux-x64`;

/** Makes the package of what is built now; its archive is made elsewhere. */
export function makePackage(): void {
  execFileSync("node", ["scripts/package.ts", "--tree"], { stdio: "ignore" });
}

/** Makes of a package another one, of another version, which `change`, the body of a function of the package's root, has changed. */
export async function otherPackage(host: Sandbox, named: string, change = "", of = ownPackage): Promise<string> {
  const root = `/mnt/tmp/banger-${named}`;
  const script = `
    const { cpSync, readFileSync, writeFileSync } = require("node:fs");
    const { createHash } = require("node:crypto");
    const [root] = process.argv.slice(2);
    cpSync("${of}", root, { recursive: true });
    const manifest = JSON.parse(readFileSync(root + "/manifest.json"));
    for (const name of ["banger-main", "bangerd", "bangerd-root"]) {
      const path = root + "/dist/" + name + ".cjs";
      writeFileSync(path, readFileSync(path, "latin1").replaceAll('version = "${version}"', 'version = "${named}"'), "latin1");
    }
    (function (root, manifest, writeFileSync) { ${change} })(root, manifest, writeFileSync);
    for (const file of manifest.files) {
      const bytes = readFileSync(root + "/" + file.path);
      Object.assign(file, { size: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") });
    }
    writeFileSync(root + "/manifest.json", JSON.stringify({ ...manifest, version: "${named}" }));`;
  const { code, stderr } = await host.run(["node", "-", root], { as: "root", input: script });
  if (code !== 0) throw new Error(stderr);
  return root;
}

/**
 * Everything that an installation could leave on a host: files with modes, owners and links, units, users, what the network has, processes.
 * Of root's home it is what lies in it: tools keep a great deal further down, and change it meanwhile. A unit that is neither there as a
 * file nor active nor failed is none: systemd forgets it when it comes to that.
 */
export function wholeHost(host: Sandbox): Promise<string> {
  return host.root(`
    find /etc /usr /var /opt /srv /root /home /run -xdev \\( -path /var/tmp -o -path /var/log -o -path /var/cache -o -path /var/lib/systemd \\
      -o -path /run/systemd -o -path /run/log -o -path /run/udev -o -path /run/credentials -o -path '/root/*/*' \\) -prune \\
      -o -printf '%p %y %m %u:%g %l\\n' | sort
    systemctl list-unit-files --no-legend --no-pager | sort
    systemctl list-units --no-legend --no-pager --plain 'banger*'
    getent passwd; getent group
    ip -oneline link | cut -d: -f2; nft list ruleset
    grep -c banger /proc/self/mountinfo || true
    ps -eo uid=,comm= | grep -E 'banger|qemu' || true`);
}
