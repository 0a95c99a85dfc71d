/** Something that the kernel killed for want of memory. */
interface OomKill {
  readonly uid: number;
  /** Seconds of the clock that nobody sets. */
  readonly at: number;
}

/** What a record's number says of who wrote it: below this, the kernel itself (syslog(2)). */
const firstUserPriority = 8;
/** A record's own words (mm/oom_kill.c); a process may call itself anything that fits into 15 bytes. */
const record = /^<(\d+)>\[ *(\d+\.\d+)\] .*Killed process \d+ \(.{0,15}\) total-vm:.* UID:(\d+) /;

/** What the kernel's log says that it killed for want of memory, on the host or in a control group. What others wrote there is passed over. */
export function oomKills(log: string): OomKill[] {
  return log.split("\n").flatMap((line) => {
    const [, priority, at, uid] = record.exec(line) ?? [];
    return priority === undefined || Number(priority) >= firstUserPriority
      ? []
      : [{ uid: Number(uid), at: Number(at) }];
  });
}
