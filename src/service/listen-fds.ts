/** The first descriptor that systemd passes (sd_listen_fds(3)). */
const firstFd = 3;

/**
 * The descriptor of the socket that systemd listens on for this process, undefined where it passed none. Of several it is the one of
 * this name. What says so is taken out of the environment: it is for no program that this one runs.
 */
export function takeListenFd(env: NodeJS.ProcessEnv, name: string, pid = process.pid): number | undefined {
  const { LISTEN_PID: forPid, LISTEN_FDS: count = "", LISTEN_FDNAMES: names = "" } = env;
  for (const variable of ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]) delete env[variable];
  // Inherited from another process that was meant.
  if (forPid !== String(pid)) return undefined;
  if (!/^\d{1,4}$/.test(count) || count === "0") return undefined;
  if (count === "1") return firstFd;
  const at = names.split(":").indexOf(name);
  if (at === -1 || at >= Number(count)) {
    throw new Error(
      `${count} sockets were passed, none of them named ${name}; set FileDescriptorName=${name} in its unit`,
    );
  }
  return firstFd + at;
}
