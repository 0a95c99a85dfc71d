import type { HelperDeps } from "../deps.ts";
import { oomKills } from "../kernel/oom-kills.ts";

const SIGKILL = 9;
/** The kernel's log and the recorder's clock tell the same end, so far apart at most. */
const apartS = 5;

/** True where the kernel killed a VM's VMM, which ended `at` this time by `signal`, because there was no memory left for it. */
export function wasOutOfMemory(
  { libc }: Pick<HelperDeps, "libc">,
  { uid, signal, at }: { readonly uid: number; readonly signal: number | null; readonly at: string },
): boolean {
  if (signal !== SIGKILL) return false;
  const endedAt = Number(process.hrtime.bigint()) / 1e9 - (Date.now() - Date.parse(at)) / 1e3;
  return oomKills(libc.kernelLog()).some((kill) => kill.uid === uid && Math.abs(kill.at - endedAt) <= apartS);
}
