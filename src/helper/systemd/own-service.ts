import { existsSync, readFileSync } from "node:fs";

/** The unit in which systemd runs the helper. */
const ownUnit = "bangerd-root.service";

/**
 * True where systemd runs this process as the helper's service: VMMs are units of their own then, since what a service starts itself
 * ends with it. The environment proves nothing, as whoever is started below a service has that of it too; the cgroup does.
 */
export function runsAsService(): boolean {
  return existsSync("/run/systemd/system") && isServices(readFileSync("/proc/self/cgroup", "utf8"));
}

/** Whether that is a process of the helper's service, by /proc/PID/cgroup (cgroups(7)). */
export function isServices(cgroups: string): boolean {
  return cgroups.split("\n").some((line) => line.endsWith(`/${ownUnit}`));
}
