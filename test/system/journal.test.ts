import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Installation } from "../support/installation.ts";
import { Services } from "../support/services.ts";
import { noSandbox } from "../support/sandbox.ts";

type Entry = Record<string, string>;

/** Among so many an operation is found by the journal's index, not by reading them. */
const records = 20_000;
/** An operation that waits for no journal takes less: it has dozens of records, and to wait for each, however shortly, takes longer. */
const operationMs = 3_000;

describe.skipIf(noSandbox)(`the journal of a host that systemd runs${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let host: Installation;
  beforeAll(async () => {
    host = await Installation.create({ systemd: true });
    const services = await Services.install(host);
    await services.systemctl("start", "bangerd-root.service", "bangerd.service");
    await host.sandbox.root(
      `timeout 20 sh -c 'until journalctl --quiet _SYSTEMD_UNIT=bangerd.service | grep -q "reconcile completed"; do sleep 0.1; done'`,
    );
  });
  afterAll(() => host[Symbol.asyncDispose]());

  const journal = async (match: string) => {
    await host.sandbox.root("journalctl --sync");
    const text = await host.sandbox.root(`journalctl --quiet --no-pager --all -o json ${match}`);
    return text
      .trim()
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Entry);
  };
  const recordOf = ({ MESSAGE = "" }: Entry) => JSON.parse(MESSAGE) as Record<string, unknown>;

  it("has every record of an operation once, by its op_id, with native fields and the whole record", async () => {
    await host.ok("network", "up");
    const opId = await host.lastOperation();
    const entries = await journal(`BANGER_OP_ID=${opId}`);
    for (const entry of entries) {
      const record = recordOf(entry);
      expect(entry).toMatchObject({
        BANGER_OP_ID: opId,
        TRACE_ID: opId.slice(3),
        SYSLOG_IDENTIFIER: record["service"],
        _SYSTEMD_UNIT: record["service"] === "bangerd-root" ? "bangerd-root.service" : "bangerd.service",
        PRIORITY: { info: "6", warn: "4", debug: "7" }[String(record["level"])],
        _TRANSPORT: "journal",
      });
    }
    const { stdout } = await host.person(["logs", "last", "--json"]);
    const kept = stdout
      .trim()
      .split("\n")
      .map((line) => recordOf({ MESSAGE: line }));
    const essence = (records: Record<string, unknown>[]) =>
      records.map(({ service, message, time }) => [time, service, message].join(" ")).toSorted();
    expect(essence(entries.map(recordOf))).toEqual(essence(kept));
    expect(new Set(kept.map(({ service }) => service))).toEqual(new Set(["banger", "bangerd", "bangerd-root"]));
  });

  it("is trusted for what systemd says of an entry, never for what any user wrote", async () => {
    const opId = await host.lastOperation();
    await host.sandbox.run(["logger", "--journald"], {
      as: 61_001,
      input: `MESSAGE={"message":"forged"}\nBANGER_OP_ID=${opId}\nSYSLOG_IDENTIFIER=bangerd\n\n`,
    });
    expect((await journal(`BANGER_OP_ID=${opId} _UID=61001`)).map(({ MESSAGE }) => MESSAGE)).toEqual([
      '{"message":"forged"}',
    ]);
    const own = await journal(
      `BANGER_OP_ID=${opId} _SYSTEMD_UNIT=bangerd.service + BANGER_OP_ID=${opId} _SYSTEMD_UNIT=bangerd-root.service`,
    );
    expect(own.length).toBeGreaterThan(5);
    expect(own.map(recordOf).map(({ message }) => message)).not.toContain("forged");
    expect((await host.person(["logs", opId])).stdout).not.toContain("forged");
  });

  it("takes a record that is larger than a datagram, whole", async () => {
    const script = `
      import { Journal, journalSocketPath } from "/mnt/banger/src/telemetry/journal.ts";
      import { openJournalSocket } from "/mnt/banger/src/telemetry/journal-socket.ts";
      import { createLogger } from "/mnt/banger/src/telemetry/log.ts";
      const log = createLogger("bangerd", new Journal(openJournalSocket(journalSocketPath)));
      log.warn({ op_id: "op-${"c".repeat(32)}", console: "\\u0007".repeat(65536) }, "a guest that printed much");`;
    const { stderr, code } = await host.sandbox.run(["node", "--input-type=module", "-e", script]);
    expect([code, stderr]).toEqual([0, ""]);
    const [entry = {}] = await journal(`BANGER_OP_ID=op-${"c".repeat(32)}`);
    expect(recordOf(entry)["console"]).toBe("\u0007".repeat(64 * 1024));
    expect(entry["MESSAGE"]?.length).toBeGreaterThan(6 * 64 * 1024);
  });

  it("that stands still delays no operation, and what it missed is written when it goes on, or counted", async () => {
    const journald = (signal: string) =>
      host.sandbox.root(`systemctl kill --kill-whom=main --signal=${signal} systemd-journald`);
    // Its queue is full: whoever waited for room there would wait until it goes on.
    const fill = `
      import { openJournalSocket } from "/mnt/banger/src/telemetry/journal-socket.ts";
      import { journalSocketPath } from "/mnt/banger/src/telemetry/journal.ts";
      let sent = 0;
      for (let before = -1; sent > before; ) {
        before = sent;
        const socket = openJournalSocket(journalSocketPath);
        while (socket.send(Buffer.from("MESSAGE=filler\\n")) === "sent") sent++;
      }
      console.log(sent);`;
    const took: number[] = [];
    await journald("STOP");
    try {
      const { stdout } = await host.sandbox.run(["node", "--input-type=module", "-e", fill]);
      expect(Number(stdout)).toBeGreaterThan(0);
      for (let n = 0; n < 3; n++) {
        const began = performance.now();
        await host.ok("network", "up");
        took.push(performance.now() - began);
      }
    } finally {
      await journald("CONT");
    }
    expect(Math.max(...took)).toBeLessThan(operationMs);
    const opId = await host.lastOperation();
    await expect
      .poll(async () =>
        (await journal(`BANGER_OP_ID=${opId}`))
          .map(recordOf)
          .map(({ service, message }) => `${String(service)}: ${String(message)}`),
      )
      .toContain("banger: operation completed");
  });

  it("misses nothing of a burst that isn't counted", async () => {
    const written = 5_000;
    const script = `
      import { ownLog } from "/mnt/banger/src/telemetry/own-log.ts";
      const log = ownLog(process.env);
      for (let n = 0; n < ${written}; n++)
        log.write(JSON.stringify({ level: "debug", time: new Date().toISOString(), service: "burst", pid: n, message: "helper rpc completed" }));
      setTimeout(() => log.write(JSON.stringify({ level: "info", service: "burst", message: "the last" })), 1_000);`;
    await host.sandbox.root(`cat > /mnt/tmp/burst.mts <<'TS'
${script}
TS
      systemd-run --quiet --wait --unit=burst -p LogRateLimitIntervalSec=1s -p LogRateLimitBurst=1000000 node /mnt/tmp/burst.mts`);
    const seen = (await journal("_SYSTEMD_UNIT=burst.service")).map(recordOf);
    const dropped = seen.reduce((sum, record) => sum + Number(record["dropped"] ?? 0), 0);
    const came = seen.filter(({ message }) => message === "helper rpc completed").length;
    expect(came + dropped).toBe(written);
    expect(seen.at(-1)).toMatchObject({ message: "the last" });
  });

  it("finds an operation among many records without reading them all", async () => {
    const timed = async (match: string) => {
      const out = await host.sandbox.root(
        `for n in 1 2 3; do began=$(date +%s%N); journalctl --quiet -o json ${match} >/dev/null; echo $((($(date +%s%N) - began) / 1000)); done | sort -n | sed -n 2p`,
      );
      return Number(out) / 1_000;
    };
    const script = `
      import { Journal, journalSocketPath } from "/mnt/banger/src/telemetry/journal.ts";
      import { openJournalSocket } from "/mnt/banger/src/telemetry/journal-socket.ts";
      import { setTimeout as delay } from "node:timers/promises";
      const journal = new Journal(openJournalSocket(journalSocketPath));
      for (let n = 0; n < ${records}; n++) {
        const op = String(Math.floor(n / 20)).padStart(32, "e");
        journal.write(JSON.stringify({ level: "info", time: new Date().toISOString(), service: "bangerd", pid: process.pid, op_id: "op-" + op, message: "operation stage" }) + "\\n");
        if (n % 200 === 199) await delay(5);
      }
      await delay(500);`;
    await host.sandbox.root(`systemd-run --quiet --wait --pipe -p LogRateLimitIntervalSec=1s -p LogRateLimitBurst=1000000 \
      node --input-type=module -e ${JSON.stringify(script).replaceAll("$", "\\$").replaceAll("`", "\\`").replaceAll("\\n", "\n")}; journalctl --sync`);
    const opId = `op-${"7".padStart(32, "e")}`;
    expect((await journal(`BANGER_OP_ID=${opId}`)).length).toBe(20);
    const read = await timed("SYSLOG_IDENTIFIER=bangerd");
    expect(await timed(`BANGER_OP_ID=${opId}`)).toBeLessThan(read / 5);
  });
});
