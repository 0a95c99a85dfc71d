import type { Drops } from "../../telemetry/dropped-record.ts";
import type { DestinationStream } from "../../telemetry/log.ts";
import { services } from "../../telemetry/names.ts";
import { type OpId, opIdOfTrace } from "../../telemetry/op-id.ts";
import { acceptRecord } from "./accept-record.ts";

/** Where other processes' records go. */
export interface ForeignRecordsDeps {
  /** The daemon's own output, or the journal. */
  readonly own: DestinationStream;
  /** The log that `banger logs` reads. */
  readonly kept: DestinationStream;
}

/** So many records are taken from one frame. */
const most = 64;

/** Keeps what helper and CLI logged of the owner's operations beside the daemon's own records. */
export class ForeignRecords implements Drops {
  readonly #deps: ForeignRecordsDeps;
  #dropped = 0;

  constructor(deps: ForeignRecordsDeps) {
    this.#deps = deps;
  }

  /** How many of the helper's found no room in its answers, or were none. */
  get dropped(): number {
    return this.#dropped;
  }

  /** What rode back in the helper's answer; it has written that down itself too, where the owner may not read. */
  fromHelper(opId: OpId, vmId: string | undefined, records: readonly unknown[], left: number): void {
    const owner = { service: services.helper, opId, vmId };
    const lines = records.slice(0, most).flatMap((record) => acceptRecord(record, owner) ?? []);
    for (const line of lines) this.#deps.kept.write(line);
    const lost = left + records.length - lines.length;
    if (lost === 0) return;
    this.#dropped += lost;
    const record = { level: "warn", time: new Date().toISOString(), pid: process.pid, dropped: lost };
    const line = acceptRecord({ ...record, message: "records of the helper's found no room in its answer" }, owner);
    if (line !== undefined) this.#deps.kept.write(line);
  }

  /** What the CLI says of its own operations; it writes nowhere else. Says how many were taken. */
  fromCli(
    records: readonly unknown[],
    ownsTrace: (traceId: string) => boolean,
    vmOf: (opId: OpId) => string | undefined,
  ): number {
    let taken = 0;
    for (const record of records) {
      const { trace_id: traceId } = (record ?? {}) as { trace_id?: unknown };
      if (typeof traceId !== "string" || !ownsTrace(traceId)) continue;
      const opId = opIdOfTrace(traceId);
      const line = acceptRecord(record, { service: services.cli, opId, vmId: vmOf(opId) });
      if (line === undefined) continue;
      taken++;
      this.#deps.own.write(line);
      this.#deps.kept.write(line);
    }
    return taken;
  }
}
