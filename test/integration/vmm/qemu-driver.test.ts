import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { HelperLink } from "../../../src/daemon/helper/helper-link.ts";
import { createQemuDriver } from "../../../src/daemon/vmm/qemu/qemu-driver.ts";
import type { Layout } from "../../../src/installation/layout.ts";
import { createPeerCredentials } from "../../../src/rpc/peer-credentials.ts";
import type { VmmCondition } from "../../../src/daemon/vmm/driver.ts";
import { type QmpManner, ScriptedVmm } from "../../support/scripted-vmm.ts";

const vmId = "00112233445566ff";
const forEver = new AbortController().signal;
let directory: string;
let vmm: ScriptedVmm;
let manner: QmpManner;
let status: { running: boolean; last_words?: string };
let sockets: ReturnType<Layout["sockets"]>;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "banger-driver-"));
  const at = (name: string) => join(directory, name);
  sockets = { directory, qmp: at("qmp"), agent: at("agent"), api: at("api"), vsock: at("vsock") };
  manner = "answers";
  status = { running: true };
  vmm = await ScriptedVmm.start(sockets, () => manner);
});
afterEach(async () => {
  await vmm.end();
  rmSync(directory, { recursive: true });
});

const driver = () => {
  // The helper's one answer that connecting may ask for.
  const helper = { call: async () => status } as unknown as HelperLink;
  return createQemuDriver({
    helper,
    layout: { sockets: () => sockets },
    ownerUid: 61_000,
    peerOf: createPeerCredentials(),
  });
};

it("a VMM that ends while it is connected to is told with its own words", async () => {
  status = { running: false, last_words: "cannot set up guest memory\u001b[2J" };
  await vmm.end();
  await expect(driver().connect(vmId, forEver)).rejects.toMatchObject({
    code: "guest_died",
    plain: "QEMU ended: cannot set up guest memory",
  });
});

it("a VMM that accepts and doesn't greet is given up within seconds", async () => {
  manner = "mute";
  await expect(driver().connect(vmId, forEver)).rejects.toMatchObject({ code: "deadline_exceeded" });
});

it("our own closing is never told as the VMM's end, the VMM's is", async () => {
  const ours = await driver().connect(vmId, forEver);
  const theirs = await driver().connect(vmId, forEver);
  const told: string[] = [];
  void ours.lost.then(() => told.push("ours"));
  ours.close();
  vmm.event("SHUTDOWN", { guest: true, reason: "guest-shutdown" });
  vmm.hangUp();
  expect(await theirs.lost).toEqual({ said: "shutdown" });
  expect(told).toEqual([]);
});

it.each<[string, string, string, VmmCondition]>([
  ["runs", "running", "ok", "running"],
  ["has not begun", "prelaunch", "ok", "prelaunch"],
  ["was paused", "paused", "ok", "paused"],
  ["was stopped by a full disk", "io-error", "nospace", "no_space"],
  ["was stopped by a broken disk", "io-error", "failed", "disk_failed"],
])("a VMM that %s before it was connected to is known as that", async (_, now, io, condition) => {
  vmm.status = now;
  vmm.ioStatus = io;
  expect((await driver().connect(vmId, forEver)).condition).toBe(condition);
});

it("a guest that went on when there was room, and is paused later, is paused for whoever comes then", async () => {
  vmm.status = "running";
  vmm.objects.add("no-room");
  const connection = await driver().connect(vmId, forEver);
  expect(connection.condition).toBe("running");
  await connection.pause(forEver);
  connection.close();
  expect((await driver().connect(vmId, forEver)).condition).toBe("paused");
});

it.each([
  ["a full disk", true, "no_space"],
  ["a disk that can't be written", false, "disk_failed"],
])("%s is told when it happens, and when the guest goes on", async (_, nospace, known) => {
  const connection = await driver().connect(vmId, forEver);
  const told: VmmCondition[] = [];
  const wentOn = new Promise<void>((resolve) => {
    connection.onCondition((condition) => {
      told.push(condition);
      if (condition === "running") resolve();
    });
  });
  vmm.event("BLOCK_IO_ERROR", { device: "", action: "report", nospace });
  vmm.event("BLOCK_IO_ERROR", { device: "", action: "stop", nospace });
  vmm.event("STOP");
  await connection.boot(forEver);
  await wentOn;
  expect(told).toEqual([known, "running"]);
});
