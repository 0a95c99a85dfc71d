import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { expiryOf } from "../../../src/daemon/vm/expiry/expiry.ts";
import { isConnectedTo } from "../../../src/daemon/vm/expiry/host-connections.ts";
import { RunTimes } from "../../../src/daemon/vm/expiry/run-times.ts";

describe("when a VM's time is over", () => {
  const at = { nowMs: 100_000, startedMs: 90_000, usedMs: 95_000, inUse: false };
  it.each<[string, { ttl_s: number | null; idle_s: number | null }, Partial<typeof at>, ReturnType<typeof expiryOf>]>([
    ["never, without a limit", { ttl_s: null, idle_s: null }, {}, undefined],
    ["by its start", { ttl_s: 60, idle_s: null }, {}, { cause: "ttl", inMs: 50_000 }],
    ["by its last use", { ttl_s: null, idle_s: 60 }, {}, { cause: "idle", inMs: 55_000 }],
    ["by what comes first: ttl", { ttl_s: 60, idle_s: 60 }, {}, { cause: "ttl", inMs: 50_000 }],
    ["by what comes first: idle", { ttl_s: 60, idle_s: 20 }, {}, { cause: "idle", inMs: 15_000 }],
    ["in the past", { ttl_s: 1, idle_s: null }, {}, { cause: "ttl", inMs: -9_000 }],
    ["not by idling while it is used", { ttl_s: null, idle_s: 1 }, { inUse: true }, undefined],
    ["by its ttl though it is used", { ttl_s: 1, idle_s: 1 }, { inUse: true }, { cause: "ttl", inMs: -9_000 }],
    ["not by a use before its start", { ttl_s: null, idle_s: 10 }, { usedMs: 5 }, { cause: "idle", inMs: 0 }],
  ])("is %s", (_, limits, lived, expected) => expect(expiryOf(limits, { ...at, ...lived })).toEqual(expected));
});

describe("for how long a VM has run", () => {
  let directory: string;
  let uptime = 500_000;
  let date = Date.parse("2026-01-01T00:00:00Z");
  const complain = vi.fn();
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "banger-times-"));
    uptime = 500_000;
    date = Date.parse("2026-01-01T00:00:00Z");
    complain.mockReset();
  });
  afterEach(() => rmSync(directory, { recursive: true }));
  const path = () => join(directory, "run-times.json");
  const daemon = (bootId = "boot-1") =>
    new RunTimes({ path: path(), bootId, now: () => new Date(date), uptimeMs: () => uptime, complain });
  const iso = (ms: number) => new Date(ms).toISOString();
  const vm = (given: object = {}) => ({
    id: "a",
    generation: 1,
    started_at: iso(date),
    last_used_at: iso(date),
    ...given,
  });
  const passes = (ms: number, setMs = 0) => {
    uptime += ms;
    date += ms + setMs;
  };

  it("is counted by the clock that nobody sets, also by the next daemon of this run of the host", () => {
    const web = vm();
    const first = daemon();
    expect(first.of(web)).toEqual({ startedMs: 500_000, usedMs: 500_000 });
    passes(1_000, 86_400_000);
    first.used("a");
    passes(1_000, -2 * 86_400_000);
    first.flush();
    const counted = { startedMs: 500_000, usedMs: 501_000 };
    expect(first.of(web)).toEqual(counted);
    expect(daemon().of(web)).toEqual(counted);
  });

  it.each<[string, number, number]>([
    ["of which no daemon kept anything", 60_000, 440_000],
    ["that is to have begun in the future, as the clock was set back", -60_000, 500_000],
    ["that is to have begun before the host, as the clock was set forth", 86_400_000, 0],
  ])("is taken from the record for one %s", (_, agoMs, startedMs) => {
    const web = vm({ started_at: iso(date - agoMs), last_used_at: iso(date - agoMs) });
    expect(daemon().of(web)).toEqual({ startedMs, usedMs: startedMs });
  });

  it("is counted from the next daemon's start of one that was held when this one ended, whenever its hold began", () => {
    const web = vm();
    const first = daemon();
    first.held("a", true);
    first.held("b", true);
    first.of(web);
    first.of({ ...web, id: "b" });
    first.held("b", false);
    passes(5_000);
    first.flush();
    passes(5_000);
    const second = daemon();
    expect(second.of(web)).toEqual({ startedMs: 500_000, usedMs: 510_000 });
    expect(second.of({ ...web, id: "b" })).toEqual({ startedMs: 500_000, usedMs: 500_000 });
    second.flush();
    passes(5_000);
    expect(daemon().of(web).usedMs).toBe(510_000);
  });

  it("begins anew with a start, and goes on over a guest's own reboot", () => {
    const times = daemon();
    times.of(vm());
    passes(10_000);
    times.goesOn(vm());
    expect(times.of(vm({ generation: 2, started_at: iso(date) })).startedMs).toBe(500_000);
    expect(times.of(vm({ generation: 3, started_at: iso(date) })).startedMs).toBe(510_000);
  });

  it.each([
    ["of another run of the host", '{"boot_id":"boot-0","vms":{"a":{"generation":1,"started_ms":7,"used_ms":7}}}', 0],
    ["that is cut off", '{"boot_id":"boot-1","vms', 1],
    ["of another shape", '{"boot_id":"boot-1","vms":{"a":{"generation":1}}}', 1],
  ])("isn't taken from a file %s", (_, text, complaints) => {
    writeFileSync(path(), text);
    expect(daemon().of(vm()).startedMs).toBe(500_000);
    expect(complain).toHaveBeenCalledTimes(complaints);
  });

  it("is forgotten of what doesn't run any more, and written only when something is new", () => {
    const times = daemon();
    times.of(vm());
    times.of(vm({ id: "b" }));
    times.keepOnly(new Set(["b"]));
    times.flush();
    expect(Object.keys((JSON.parse(readFileSync(path(), "utf8")) as { vms: object }).vms)).toEqual(["b"]);
    rmSync(path());
    times.flush();
    expect(() => readFileSync(path())).toThrow("ENOENT");
  });

  it("that can't be written is said", () => {
    rmSync(directory, { recursive: true });
    const times = daemon();
    times.of(vm());
    times.flush();
    expect(complain).toHaveBeenCalledOnce();
    directory = mkdtempSync(join(tmpdir(), "banger-times-"));
  });
});

describe("a connection of this host's", () => {
  const table = (rows: readonly string[]) => (name: "tcp" | "tcp6") =>
    ["  sl  local_address rem_address   st tx_queue rx_queue", ...(name === "tcp" ? rows : []), ""].join("\n");
  const table6 = (rows: readonly string[]) => (name: "tcp" | "tcp6") => table(rows)(name === "tcp" ? "tcp6" : "tcp");
  const row = (remote: string, state: string) => `   0: 0100007F:1F90 ${remote} ${state} 00000000:00000000`;
  it.each<[string, string, readonly string[], boolean]>([
    ["none", "10.77.0.2", [], false],
    ["to a guest's ssh", "10.77.0.2", [row("02004D0A:0016", "01")], true],
    ["to another guest", "10.77.0.3", [row("02004D0A:0016", "01")], false],
    ["that only begins", "10.77.0.2", [row("02004D0A:0016", "02")], false],
    ["that only ends", "10.77.0.2", [row("02004D0A:0016", "06")], false],
    ["behind others", "10.77.0.2", [row("00000000:0000", "0A"), row("02004D0A:1F90", "01")], true],
  ])("is seen: %s", (_, address, rows, expected) => expect(isConnectedTo(address, table(rows))).toBe(expected));

  const mapped = "0000000000000000FFFF0000";
  it.each<[string, string, boolean]>([
    ["to a guest", row(`${mapped}02004D0A:0016`, "01"), true],
    ["to another guest", row(`${mapped}03004D0A:0016`, "01"), false],
    ["that only ends", row(`${mapped}02004D0A:0016`, "06"), false],
    ["to an address that only ends alike", row("B80D0120000000000000000002004D0A:0016", "01"), false],
  ])("of a socket of both families is seen: %s", (_, line, expected) =>
    expect(isConnectedTo("10.77.0.2", table6([line]))).toBe(expected),
  );
});
