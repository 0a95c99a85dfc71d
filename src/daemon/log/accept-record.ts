import { z } from "zod";
import { vmId } from "../../rpc/contract/fields.ts";
import { isLogField } from "../../telemetry/log-fields.ts";
import { attribute } from "../../telemetry/names.ts";
import { type OpId, traceIdOf } from "../../telemetry/op-id.ts";

/** How far ahead of this host's clock a record may be. */
const skewMs = 1_000;
/** Of a longer one there stays what happened and when. */
const maxBytes = 96 * 1024;

const core = z.object({
  level: z.enum(["debug", "info", "warn", "error"]),
  time: z.iso.datetime(),
  pid: z.int().min(1),
  message: z.string().max(500),
});

/** Whose a record is, which its sender doesn't decide. */
export interface RecordOwner {
  readonly service: string;
  readonly opId: OpId;
  /** The VM that the operation is about, for a record that names none. */
  readonly vmId: string | undefined;
}

/** Another process's record as it may be kept, a line: of its owner, well-formed, with declared fields; undefined for what is none. */
export function acceptRecord(record: unknown, { service, opId, vmId: about }: RecordOwner): string | undefined {
  const parsed = core.safeParse(record);
  if (!parsed.success || Date.parse(parsed.data.time) > Date.now() + skewMs) return undefined;
  const given = Object.fromEntries(Object.entries(record as object).filter(([name]) => isLogField(name)));
  const vm = vmId.safeParse(given[attribute.vmId]).data ?? about;
  const owned = {
    service,
    op_id: opId,
    trace_id: traceIdOf(opId),
    [attribute.vmId]: vm,
  };
  const whole = `${JSON.stringify({ ...parsed.data, ...given, ...owned })}\n`;
  return Buffer.byteLength(whole) <= maxBytes ? whole : `${JSON.stringify({ ...parsed.data, ...owned })}\n`;
}
