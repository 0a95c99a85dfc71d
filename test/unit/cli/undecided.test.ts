import { expect, it } from "vitest";
import type { LogRecord } from "../../../src/cli/logs/log-record.ts";
import { Undecided } from "../../../src/cli/logs/undecided.ts";
import { choose } from "../../../src/cli/logs/which-records.ts";

const record = (message: string, opId: string, vmId?: string) =>
  ({
    time: "2026-01-01T00:00:00.000Z",
    message,
    op_id: opId,
    ...(vmId === undefined ? {} : { "banger.vm.id": vmId, "banger.vm.name": "web" }),
  }) as unknown as LogRecord;

const web = "00112233445566ff";

it("shows an operation's first record once it is known that it is about the VM, and each record once", () => {
  const undecided = new Undecided(choose({ of: "vm", vm: "web" }, [record("made", "op-0", web)]));
  const said = (...records: LogRecord[]) => undecided.take(records).map(({ message }) => message);
  expect(said(record("started", "op-1"))).toEqual([]);
  expect(said(record("other started", "op-2"))).toEqual([]);
  expect(said(record("step", "op-1", web), record("step of another", "op-2", "ffffffffffffffff"))).toEqual([
    "started",
    "step",
  ]);
  expect(said(record("completed", "op-1"))).toEqual(["completed"]);
  expect(said(record("started", "op-3"), record("step", "op-3", web))).toEqual(["started", "step"]);
});
