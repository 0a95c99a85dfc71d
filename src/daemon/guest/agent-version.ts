import { BangerError } from "../../rpc/contract/errors.ts";

/** The first version of the protocol that has terminals. */
const terminalsSince = 3;
/** The first that knows what is used, and what listens. */
const usageSince = 4;

/** Refuses an agent that makes no terminals. */
export function mustMakeTerminals(version: number): void {
  if (version >= terminalsSince) return;
  throw tooOld("makes no terminals", " Until then leave `-t` out, or use `vm ssh`.");
}

/** Refuses an agent that can't say what its guest uses, and what listens in it. */
export function mustKnowUsage(version: number): void {
  if (version < usageSince) throw tooOld("knows neither its memory nor its ports");
}

function tooOld(lack: string, untilThen = ""): BangerError {
  const hint = `Stop and start the VM: a start gives it the agent of this banger.${untilThen}`;
  return new BangerError("bad_version", `the guest's agent is of an older banger, which ${lack}`, {
    details: { hint },
  });
}
