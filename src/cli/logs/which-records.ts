import { BangerError } from "../../rpc/contract/errors.ts";
import { attribute, services } from "../../telemetry/names.ts";
import type { LogRecord } from "./log-record.ts";

/** Which records are shown. */
export interface Chosen {
  /** True for a record that is; what is learnt from one counts for those behind it. */
  readonly has: (record: LogRecord) => boolean;
  /** The operations among them. */
  readonly opIds: ReadonlySet<string>;
}

/** What was asked for on the command line. */
export interface Asked {
  readonly of: string;
  readonly vm?: string | undefined;
}

/** Finds out which records are meant, by what there is. */
export function choose({ of, vm }: Asked, records: readonly LogRecord[]): Chosen {
  if (of === "vm") return ofVm(vm ?? "", records);
  return ofOperation(of === "last" ? lastOf(records) : operationBeginning(of, records));
}

function ofOperation(opId: string): Chosen {
  return { has: (record) => record.op_id === opId, opIds: new Set([opId]) };
}

/** What the owner asked for last, which is what began last: a record may come late. The daemon's own work doesn't count. */
function lastOf(records: readonly LogRecord[]): string {
  const begun = new Map<string, number>();
  for (const record of records) {
    if (record.op_id === undefined || !isAskedFor(record)) continue;
    begun.set(record.op_id, Math.min(beganAt(record), begun.get(record.op_id) ?? Number.POSITIVE_INFINITY));
  }
  const last = [...begun].toSorted(([, a], [, b]) => a - b).at(-1);
  if (last === undefined) throw notFound("no operation is in the log yet", "Run one first.");
  return last[0];
}

/** What asks for the last is never that itself. */
const readsTheLog = "banger logs show";

/** True for a record of an operation that somebody asked for. */
function isAskedFor({ message, operation, peer, service, began }: LogRecord): boolean {
  if (operation === readsTheLog) return false;
  if (message === "operation started" || began !== undefined) return true;
  return message === "operation failed" && (peer !== undefined || service === services.cli);
}

/** Milliseconds since 1970 at which a record's operation began, as far as it says. */
function beganAt({ time, began, duration_ms: durationMs }: LogRecord): number {
  if (typeof began === "string") return Date.parse(began);
  return Date.parse(time) - (typeof durationMs === "number" ? durationMs : 0);
}

/** An op_id, or as much of one as leaves few others. */
const opIdStart = /^(?:op-)?[0-9a-f]{4,32}$/;

function operationBeginning(reference: string, records: readonly LogRecord[]): string {
  if (!opIdStart.test(reference)) {
    throw new BangerError(
      "bad_params",
      `logs: ${JSON.stringify(reference)} is no op_id, which is op- and 32 hexadecimal digits, of which the first 4 are enough`,
      {
        details: {
          field: "of",
          hint: "Every error ends with its own; `banger trace ls` lists those of the last operations, `banger logs last` shows the last one, `banger vm logs` a VM's console.",
        },
      },
    );
  }
  const start = reference.startsWith("op-") ? reference : `op-${reference}`;
  const found = new Set(records.flatMap(({ op_id: opId }) => (opId?.startsWith(start) === true ? [opId] : [])));
  const [first, second] = found;
  if (first === undefined) {
    throw notFound(
      `no operation ${JSON.stringify(reference)} is in the log`,
      "`banger operation ls` and `banger trace ls` list those that are remembered; older records make room for newer ones.",
    );
  }
  if (second !== undefined) {
    throw new BangerError("ambiguous", `logs: more than one operation begins with ${JSON.stringify(reference)}`);
  }
  return first;
}

/** A VM is known by the records themselves, so also after it was deleted: of several of one name, the newest is meant. */
function ofVm(reference: string, records: readonly LogRecord[]): Chosen {
  const vmOf = (record: LogRecord) => record[attribute.vmId] as string | undefined;
  const named =
    records.findLast((record) => record[attribute.vmName] === reference && vmOf(record) !== undefined) ??
    records.findLast((record) => /^[0-9a-f]{4,16}$/.test(reference) && vmOf(record)?.startsWith(reference) === true);
  const vmId = named === undefined ? undefined : vmOf(named);
  if (vmId === undefined) {
    throw notFound(`no VM ${JSON.stringify(reference)} is in the log`, "`banger vm ls` lists VMs.");
  }
  const opIds = new Set(
    records.flatMap((record) => (vmOf(record) === vmId && record.op_id !== undefined ? [record.op_id] : [])),
  );
  return {
    opIds,
    has: (record) => {
      if (vmOf(record) !== vmId) return vmOf(record) === undefined && opIds.has(record.op_id ?? "");
      if (record.op_id !== undefined) opIds.add(record.op_id);
      return true;
    },
  };
}

function notFound(text: string, hint: string): BangerError {
  return new BangerError("not_found", `logs: ${text}`, { details: { field: "of", hint } });
}
