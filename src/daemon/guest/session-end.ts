import { BangerError } from "../../rpc/contract/errors.ts";

/** Why a session with an agent is over. */
export interface SessionEnd {
  /** `restarted`: the agent said that it was started again. `broken`: it sent what an agent never would. `closed`: by us. */
  readonly why: "lost" | "restarted" | "silent" | "broken" | "closed";
  readonly error: BangerError;
}

/** The ends that the daemon sees by itself. */
export const sessionEnds: Record<Exclude<SessionEnd["why"], "broken">, () => BangerError> = {
  lost: () => new BangerError("guest_died", "the connection to the guest's agent was lost"),
  restarted: () => new BangerError("guest_died", "the guest's agent was started again; what it ran has ended"),
  silent: () =>
    new BangerError(
      "deadline_exceeded",
      "the guest's agent is silent: it has not answered for a while; the VM runs on",
    ),
  closed: () => new BangerError("guest_died", "the connection to the guest's agent was closed"),
};
