import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Run } from "../process/run.ts";
import type { Rootless } from "./rootless.ts";

/** What making a Debian tree needs. */
export interface DebianDeps {
  readonly run: Run;
  readonly signal: AbortSignal;
  readonly rootless: Rootless;
  readonly progress: (text: string) => Promise<void>;
}

/** What every image has, so that a VM boots, is reached by ssh and can install more. */
const packages = [
  "systemd",
  "systemd-sysv",
  "dbus",
  "openssh-server",
  "iproute2",
  "iputils-ping",
  "ca-certificates",
  "procps",
];

/** It cleans up after itself when it is told to end: also by a daemon that was killed, and can tell it nothing. */
const endsWithParent = ["setpriv", "--pdeathsig", "TERM", "--"];

/** A file that apt has on a Debian host, where its own package sources stand. */
const hostRelease = "/etc/os-release";

/** Makes a tar archive of a Debian root file system in `scratch`, with mmdebstrap; returns its file. */
export async function debianTar(
  suite: string,
  more: readonly string[],
  scratch: string,
  deps: DebianDeps,
): Promise<string> {
  const tar = join(scratch, "root.tar");
  await deps.progress(`installing Debian ${suite} and ${packages.length + more.length} packages`);
  await deps.run({
    file: "mmdebstrap",
    args: [
      `--mode=${deps.rootless.mode}`,
      "--variant=minbase",
      "--format=tar",
      `--include=${[...packages, ...more].join(",")}`,
      "--dpkgopt=path-exclude=/usr/share/man/*",
      "--dpkgopt=path-exclude=/usr/share/doc/*",
      "--dpkgopt=path-include=/usr/share/doc/*/copyright",
      // Each VM gets keys, a name and an id of its own.
      '--customize-hook=rm -f "$1"/etc/ssh/ssh_host_*_key "$1"/etc/ssh/ssh_host_*_key.pub',
      '--customize-hook=: > "$1"/etc/machine-id; rm -f "$1"/etc/hostname "$1"/etc/resolv.conf',
      suite,
      tar,
      ...sourcesOf(suite),
    ],
    on: tar,
    within: endsWithParent,
    ownUnit: true,
    // dpkg must find its own tools, whatever PATH the daemon was started with.
    signal: deps.signal,
    onLine: (line) => {
      if (line.startsWith("I: ")) void deps.progress(line.slice(3));
    },
  });
  return tar;
}

/** Where the host runs the same release its own package sources serve, and are the nearest; else mmdebstrap's default. */
function sourcesOf(suite: string): string[] {
  const own = "/etc/apt/sources.list.d/debian.sources";
  try {
    if (!new RegExp(`^VERSION_CODENAME=${suite}$`, "m").test(readFileSync(hostRelease, "utf8"))) return [];
    readFileSync(own);
    return [own];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
