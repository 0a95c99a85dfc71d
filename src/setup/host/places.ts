import { join } from "node:path";

/** Where on a host an installation is; all of it hangs off one root. */
export interface Places {
  /** The versions, a directory each, and `current`. */
  readonly library: string;
  version(version: string): string;
  /** The link to the version that runs. */
  readonly current: string;
  /** The link by which shells find the command, and what it says. */
  readonly command: string;
  readonly commandTarget: string;
  readonly config: string;
  /** The settings of an installation that was removed while its state stayed; root's, as the install file is. */
  readonly kept: string;
  /** What an operator says to the daemon and to the helper, if there are such files: install makes none. */
  readonly environments: readonly string[];
  /** The install file as units name it. */
  readonly configName: string;
  /** `current` as units name it. */
  readonly currentName: string;
  /** There while systemd is this host's first process. */
  readonly systemdRuns: string;
  /** Where a path of the host's is. */
  at(path: string): string;
}

/** The places below `root`, which is the host's own unless a test says otherwise. */
export function placesBelow(root = "/"): Places {
  const at = (path: string) => join(root, path);
  const library = "/usr/lib/banger";
  return {
    library: at(library),
    version: (version) => at(`${library}/${version}`),
    current: at(`${library}/current`),
    command: at("/usr/local/bin/banger"),
    commandTarget: `${library}/current/bin/banger`,
    config: at("/etc/banger/install.toml"),
    kept: at("/etc/banger/install.toml.kept"),
    environments: [at("/etc/banger/bangerd.env"), at("/etc/banger/bangerd-root.env")],
    configName: "/etc/banger/install.toml",
    currentName: `${library}/current`,
    systemdRuns: at("/run/systemd/system"),
    at,
  };
}
