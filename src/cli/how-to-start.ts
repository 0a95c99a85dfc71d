import type { Installation } from "../installation/install-file.ts";
import { BangerError, type ErrorCode } from "../rpc/contract/errors.ts";

/** The next step where nobody answers and systemd runs both; what is started by hand has the one of the table of errors. */
export function howToStart({ installed }: Pick<Installation, "installed">): Partial<Record<ErrorCode, string>> {
  if (installed === undefined) return {};
  const step = (socket: string) =>
    `Start it: \`sudo systemctl start ${socket}\`; \`banger system status\` says what is wrong.`;
  return { daemon_unavailable: step("bangerd.socket"), helper_unavailable: step("bangerd-root.socket") };
}

/** The error, with that next step where it has none of its own. */
export function saysHowToStart(error: unknown, installation: Pick<Installation, "installed">): unknown {
  if (!(error instanceof BangerError) || error.details?.["hint"] !== undefined) return error;
  const hint = howToStart(installation)[error.code];
  if (hint === undefined) return error;
  return new BangerError(error.code, error.plain, {
    cause: error.cause,
    ...(error.opId === undefined ? {} : { opId: error.opId }),
    details: { ...error.details, hint },
  });
}
