import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Installation } from "../support/installation.ts";
import { Services } from "../support/services.ts";
import { noSandbox } from "../support/sandbox.ts";

/** `STARTS=50` for a burst, which takes minutes. */
const starts = Number(process.env["STARTS"] ?? 5);
const oneMs = 15_000;

type LogRecord = Readonly<Record<string, unknown>>;

describe.skipIf(noSandbox)(`the log of many starts at debug level${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let host: Installation;
  const opIds: string[] = [];
  beforeAll(async () => {
    host = await Installation.create({ systemd: true, guest: true });
    const services = await Services.install(host);
    for (const unit of ["bangerd.service", "bangerd-root.service"])
      await services.edit(unit, "[Service]\nEnvironment=BANGER_LOG_LEVEL=debug");
    await host.ok("vm", "create", "--name", "web", "--memory-mib", "256");
  });
  afterAll(() => host[Symbol.asyncDispose]());

  const records = (text: string) =>
    text
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as LogRecord);
  const inJournal = async (opId: string) =>
    records(
      await host.sandbox.root(`journalctl --quiet --no-pager --all -o cat _TRANSPORT=journal BANGER_OP_ID=${opId}`),
    );
  const inLog = async (opId: string) => records((await host.person(["logs", opId, "--json"])).stdout);
  const essence = (of: readonly LogRecord[]) =>
    of.map(({ time, service, message }) => [time, service, message].join(" ")).toSorted();

  it("has them whole, in the journal and in the owner's own", { timeout: 60_000 + starts * oneMs }, async () => {
    for (let n = 0; n < starts; n++) {
      await host.ok("vm", "start", "web");
      opIds.push(await host.lastOperation());
      await host.ok("vm", "kill", "web");
    }
    await host.sandbox.root("journalctl --sync");
    let told = 0;
    for (const opId of opIds) {
      const [journal, log, spans] = [await inJournal(opId), await inLog(opId), await host.spansOf(opId)];
      expect(essence(log), opId).toEqual(essence(journal));
      // The helper's lines are in it: one at least for each call that a span tells of.
      const calls = spans.filter(({ service, name }) => service === "bangerd" && name.startsWith("call ")).length;
      const fromHelper = journal.filter(
        ({ service, message }) => service === "bangerd-root" && message === "helper rpc completed",
      );
      expect(fromHelper.length, opId).toBeGreaterThanOrEqual(calls);
      told += journal.length;
    }
    expect(told).toBeGreaterThan(20 * starts);
    const lost = await host.sandbox.root(
      "journalctl --quiet --no-pager -o cat | grep -cE 'Suppressed|records were dropped' || true",
    );
    expect(lost).toBe("0\n");
  });
});
