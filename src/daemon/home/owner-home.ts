import { userInfo } from "node:os";
import { isAbsolute, join } from "node:path";

/** The home that passwd gives the owner, as a service may have no HOME; undefined for an owner without an entry there. */
export function ownerHome(home: () => string = () => userInfo().homedir): string | undefined {
  try {
    const path = home();
    return isAbsolute(path) ? path : undefined;
  } catch {
    return undefined;
  }
}

/** A directory of the owner's by the XDG base directories: the one that a variable names, else a usual one below the home. */
function ownerDirectory(named: string | undefined, usual: string, home?: () => string): string | undefined {
  // The specification of these directories: a path that isn't absolute is to be ignored.
  if (named !== undefined && isAbsolute(named)) return named;
  const path = ownerHome(home);
  return path === undefined ? undefined : join(path, usual);
}

/** The owner's config file: below $XDG_CONFIG_HOME, else below ~/.config. */
export function configPath(env: NodeJS.ProcessEnv, home?: () => string): string | undefined {
  const directory = ownerDirectory(env["XDG_CONFIG_HOME"], ".config", home);
  return directory === undefined ? undefined : join(directory, "banger", "config.toml");
}

/** What an installation keeps for its owner's own programs: below $XDG_STATE_HOME, else below ~/.local/state. */
export function ownerStatePath(env: NodeJS.ProcessEnv, installation: string, home?: () => string): string | undefined {
  const directory = ownerDirectory(env["XDG_STATE_HOME"], ".local/state", home);
  return directory === undefined ? undefined : join(directory, "banger", installation);
}
