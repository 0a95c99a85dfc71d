import { setTimeout as delay } from "node:timers/promises";
import { BangerError } from "../../../rpc/contract/errors.ts";
import type { SpanRecord } from "../../../telemetry/span-record.ts";
import { localCommand, type LocalContext } from "../../command.ts";
import { leftBy } from "../../left-by.ts";
import { LogFiles } from "../../logs/log-files.ts";
import { type LogRecord, recordOf } from "../../logs/log-record.ts";
import { missingRecords } from "../../logs/missing-records.ts";
import { showRecord, showSpan } from "../../logs/show-record.ts";
import { Undecided } from "../../logs/undecided.ts";
import { unsentRecords } from "../../logs/unsent-records.ts";
import { type Asked, choose, type Chosen } from "../../logs/which-records.ts";

/** The log is looked at so often while it is followed. */
const lookEveryMs = 200;
/** Of so many operations, the last, spans are asked for. */
const mostTraces = 50;

/** As the parser has checked them by the declaration. */
interface Params {
  readonly of: string;
  readonly vm?: string;
  readonly follow?: boolean;
  readonly since_s?: number;
  readonly spans?: boolean;
}

/** `logs`: read from the owner's own files, so that it works without a daemon too. */
export const logsShow = localCommand({
  noun: "logs",
  verb: "show",
  spec: {
    summary: "Shows what CLI, daemon, helper and VMM logged of an operation or a VM, in the order of time.",
    traced: false,
    params: [
      {
        name: "of",
        type: "string",
        many: false,
        required: true,
        summary: "an op_id, at least 4 digits of one, `last`, or `vm` and a VM",
      },
      { name: "vm", type: "string", many: false, required: false, summary: "behind `vm`: the VM's name, or its id" },
      {
        name: "follow",
        type: "boolean",
        many: false,
        required: false,
        default: false,
        summary: "go on as it grows, until Ctrl-C",
      },
      {
        name: "since_s",
        type: "integer",
        many: false,
        required: false,
        minimum: 1,
        maximum: 315_360_000,
        summary: "only what was logged in this time",
      },
      {
        name: "spans",
        type: "boolean",
        many: false,
        required: false,
        default: false,
        summary: "the spans of the operations too, where they begin",
      },
    ],
  },
  positionals: ["of", "vm"],
  short: { follow: "f" },
  examples: [
    "banger logs last",
    "banger logs op-4bf92f35 --spans",
    "banger logs vm web -f --since 10m",
    "banger logs last --json > records.ndjson",
  ],
  run: async (context, params) => {
    const { of, vm, follow, since_s: sinceS, spans: withSpans } = params as unknown as Params;
    if ((of === "vm") !== (vm !== undefined)) {
      throw new BangerError("usage", of === "vm" ? "logs vm: the VM is missing" : "logs: one argument too many");
    }
    const { log: path, unsent } = context.layout();
    using files = new LogFiles(path);
    const since = sinceS === undefined ? undefined : new Date(Date.now() - sinceS * 1_000).toISOString();
    const isRecent = ({ time }: LogRecord) => since === undefined || time >= since;
    const there = [...recordsIn(files.read()), ...unsentRecords(unsent)];
    const sayMissing = async (opIds: ReadonlySet<string>) => {
      const missing = await missingRecords({ ...context, path, asked: { of, vm }, opIds, records: there });
      if (missing !== undefined) context.note(missing);
    };
    const chosen = await chooseOr({ of, vm }, there, sayMissing);
    const first = there.filter((record) => chosen.has(record) && isRecent(record));
    await show(context, of, [...first, ...(withSpans === true ? await spansOf(context, chosen) : [])]);
    await sayMissing(chosen.opIds);
    if (follow !== true) return 0;
    context.onlyLeave();
    const undecided = new Undecided(chosen);
    while (!context.signal.aborted) {
      await delay(lookEveryMs, undefined, { signal: context.signal }).catch(() => undefined);
      await show(context, of, undecided.take(recordsIn(files.read())));
    }
    // Ctrl-C is how it ends.
    return leftBy(context);
  },
});

/** As `choose`; where nothing of it is there, that is said after what is missing. */
async function chooseOr(
  asked: Asked,
  records: readonly LogRecord[],
  sayMissing: (opIds: ReadonlySet<string>) => Promise<void>,
): Promise<Chosen> {
  try {
    return choose(asked, records);
  } catch (error) {
    if (error instanceof BangerError && error.code === "not_found") await sayMissing(new Set());
    throw error;
  }
}

function recordsIn(lines: Iterable<string>): LogRecord[] {
  return [...lines].flatMap((line) => recordOf(line) ?? []);
}

type Shown = LogRecord | SpanRecord;

/** In the order of time: what other processes hand over arrives later than it was written. */
async function show({ print }: LocalContext, of: string, all: readonly Shown[]): Promise<void> {
  for (const one of all.toSorted((a, b) => timeOf(a) - timeOf(b))) {
    await print(one, () => (isSpan(one) ? showSpan(one) : showRecord(one, of === "vm")));
  }
}

/** The daemon keeps the spans; without it the records are there all the same. */
async function spansOf({ call, note }: LocalContext, { opIds }: Chosen): Promise<SpanRecord[]> {
  const found: SpanRecord[] = [];
  for (const opId of [...opIds].slice(-mostTraces)) {
    try {
      found.push(...(await call("traceShow", { operation: opId })).spans);
    } catch (error) {
      if (!(error instanceof BangerError)) throw error;
      if (error.code === "not_found") continue;
      note(`its spans can't be shown: ${error.plain}`);
      break;
    }
  }
  return found;
}

function isSpan(one: Shown): one is SpanRecord {
  return "start_ns" in one;
}

function timeOf(one: Shown): number {
  return isSpan(one) ? Number(BigInt(one.start_ns) / 1_000n) / 1_000 : Date.parse(one.time);
}
