import { BangerError } from "../rpc/contract/errors.ts";
import { newOpId } from "../telemetry/op-id.ts";
import { DaemonConnection } from "./daemon-connection.ts";
import { runLocal } from "./local.ts";
import { ReaderLeft } from "./output/standard-streams.ts";
import { runOn, type Session } from "./session.ts";
import { leaveUnsent } from "./unsent.ts";
import { ofThis } from "./usage.ts";

/** Runs a command that only reads: it is no operation, has no spans and loads nothing for them. Its failure has an id all the same. */
export async function runPoll(session: Session): Promise<number> {
  let connection: DaemonConnection | undefined;
  try {
    if (session.invocation.command.local !== undefined) return await runLocal(session);
    connection = await DaemonConnection.open(session.config);
    return await runOn(connection, session, undefined);
  } catch (error) {
    if (error instanceof ReaderLeft) return 0;
    // What the daemon answered, its own log has.
    if (!(error instanceof BangerError) || error.opId !== undefined) throw error;
    const opId = newOpId();
    leaveUnsent(session, { opId, spans: [], failure: error });
    throw ofThis(error, session.invocation.command).withOpId(opId);
  } finally {
    await connection?.close([]);
  }
}
