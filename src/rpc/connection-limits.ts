import { BangerError } from "./contract/errors.ts";
import { maxUnsentBytes } from "./connection.ts";
import { maxFrameBytes } from "./frame.ts";

/** So many connections are open at a time, and so many of one process: only the owner's are let in, so a share is a process's. */
export const maxConnections = 512;
/** What one process may have of them. */
export const maxOfProcess = 128;
/** At most this many requests of one connection run at a time, or wait with their answers for a peer that doesn't read. */
const maxInFlight = 64;
/** The same of one process, whose connections are many: a quarter, so that it shuts out nobody. */
const maxInFlightOfProcess = 128;
/** The same of all connections together. */
const maxInFlightOfAll = 512;
/** So much may always wait for a peer. */
const unsentFloor = maxFrameBytes / 4;
/** The same of all peers together; beyond it only the floor is left to each. */
const maxUnsentOfAll = 64 * maxFrameBytes;

/** What the limits look at of a connection. */
export interface LimitedConnection {
  readonly pid: number;
  /** Requests under way, and answers that wait. */
  readonly inFlight: number;
  /** When something last arrived, by performance.now(). */
  readonly heardAt: number;
  readonly unsentBytes: number;
  /** It was told to leave. */
  readonly leaving: boolean;
  /** Says why, and closes. */
  end(reason: BangerError): void;
}

/** What the connections of one server may cost together. */
export class ConnectionLimits {
  readonly #open: ReadonlySet<LimitedConnection>;

  constructor(open: ReadonlySet<LimitedConnection>) {
    this.#open = open;
  }

  /** Makes room for one more connection of a process, by ending the one that was idle longest; says why where there is none. */
  admit(pid: number): BangerError | undefined {
    // Those that leave are few (`maxLingering`), and soon gone: they are counted where they linger.
    const open = [...this.#open].filter((connection) => !connection.leaving);
    const own = open.filter((connection) => connection.pid === pid);
    if (own.length >= maxOfProcess) return release(own, `${maxOfProcess} connections of process ${pid}`);
    if (open.length < maxConnections) return undefined;
    const byProcess = [...Map.groupBy(open, (connection) => connection.pid).values()];
    const largest = byProcess.reduce((most, some) => (some.length > most.length ? some : most));
    const text = `${maxConnections} connections`;
    return release(largest, text) && release(open, text);
  }

  /** Why a connection may have no further request; undefined when it may. */
  refuse(connection: LimitedConnection): BangerError | undefined {
    if (connection.inFlight >= maxInFlight) return tooMany(`${maxInFlight} requests on one connection`);
    let [all, own] = [0, 0];
    for (const { inFlight, pid } of this.#open) {
      all += inFlight;
      if (pid === connection.pid) own += inFlight;
    }
    if (own >= maxInFlightOfProcess) return tooMany(`${maxInFlightOfProcess} requests of process ${connection.pid}`);
    return all >= maxInFlightOfAll ? tooMany(`${maxInFlightOfAll} requests on all connections`) : undefined;
  }

  /** Whether so many bytes may wait for one peer. */
  mayWait(bytes: number): boolean {
    if (bytes <= unsentFloor) return true;
    let all = 0;
    for (const { unsentBytes } of this.#open) all += unsentBytes;
    return bytes <= maxUnsentBytes && all <= maxUnsentOfAll;
  }
}

function release(among: readonly LimitedConnection[], limit: string): BangerError | undefined {
  const idle = among.filter((connection) => connection.inFlight === 0);
  const [first, ...others] = idle;
  if (first === undefined) return tooMany(limit);
  others.reduce((oldest, one) => (one.heardAt < oldest.heardAt ? one : oldest), first).end(tooMany(limit));
  return undefined;
}

function tooMany(limit: string): BangerError {
  const details = { hint: "Try again when some of what runs is done, and close connections that nothing uses." };
  return new BangerError("busy", `there are ${limit} already, which is the limit`, { details });
}
