import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { HelperLink } from "../../../src/daemon/helper/helper-link.ts";
import type { VmmCondition, VmmConnection, VmmSpec } from "../../../src/daemon/vmm/driver.ts";
import { createFirecrackerDriver } from "../../../src/daemon/vmm/firecracker/firecracker-driver.ts";
import { BangerError } from "../../../src/rpc/contract/errors.ts";
import { createPeerCredentials } from "../../../src/rpc/peer-credentials.ts";
import type { SpanRecord } from "../../../src/telemetry/span-record.ts";
import { Spans } from "../../../src/telemetry/spans.ts";
import { startTracer } from "../../../src/telemetry/tracer.ts";
import { isDeclaredAttribute } from "../../../src/telemetry/names.ts";
import { ScriptedFirecracker } from "../../support/firecracker/scripted-firecracker.ts";
import { ScriptedMachine } from "../../support/firecracker/scripted-machine.ts";

const forEver = new AbortController().signal;
const spans: SpanRecord[] = [];
const opener = new Spans(startTracer("bangerd", (span) => void spans.push(span)));
const spec: VmmSpec = {
  vmId: "00112233445566ff",
  generation: 3,
  kernelId: "a",
  imageId: "b",
  diskKind: "reflink",
  cpus: 2,
  memoryMib: 512,
  mac: "02:00:00:00:00:02",
  network: true,
  volumes: ["v1"],
  accelerator: "kvm",
};

/** What a real one says (v1.16.1). */
const refusal = (words: string) => JSON.stringify({ fault_message: words });
const tapNotOurs =
  "Network config error: Open tap device failed: Error while creating ifreq structure: Operation not permitted (os error 1). Invalid TUN/TAP Backend provided by tap-0011.";
const noMemory = "Start microvm error: Cannot create guest memory: Cannot allocate memory (os error 12)";
const noKvm = "Start microvm error: Error creating KVM object: No such file or directory (os error 2)";

let directory: string;
let machine: ScriptedMachine;
let vmm: ScriptedFirecracker;
let called: { name: string; params: unknown }[];
let status: { running: boolean; last_words?: string; facts?: { generation: number } } | Error;
let complaints: unknown[];
const at = (name: string) => join(directory, name);

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "banger-firecracker-"));
  for (const file of ["kernel", "initrd", "root", "volume"]) writeFileSync(at(file), "");
  execFileSync("mkfifo", [at("metrics")]);
  spans.length = 0;
  called = [];
  complaints = [];
  status = { running: true, facts: { generation: 3 } };
  machine = new ScriptedMachine();
  vmm = await ScriptedFirecracker.start(at("api.sock"), machine);
});
afterEach(async () => {
  await vmm.end();
  rmSync(directory, { recursive: true });
});

const driver = () => {
  const places = {
    api_socket: at("api.sock"),
    vsock_socket: at("vsock.sock"),
    vsock: at("vsock.sock"),
    metrics: at("metrics"),
    metrics_file: at("metrics"),
    kernel: at("kernel"),
    initrd: at("initrd"),
    root_disk: at("root"),
    volumes: [at("volume")],
  };
  const answers: Readonly<Record<string, () => unknown>> = {
    "vmm.start": () => ({ pid: 42, started_at: "2026-11-29T10:00:00.000Z", firecracker: places }),
    "vmm.status": () => status,
    "vmm.stop": () => ({ stopped: true }),
  };
  const call = async ({ name }: { name: string }, params: unknown) => {
    called.push({ name, params });
    const answer = answers[name]?.();
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return createFirecrackerDriver({
    helper: { call } as unknown as HelperLink,
    layout: {
      sockets: () => ({ api: at("api.sock"), vsock: at("vsock.sock") }),
      metrics: () => at("metrics"),
      tap: (id) => `tap-${id.slice(0, 4)}`,
      vm: () => ({ firecracker: at("firecracker.json") }),
    },
    ownerUid: 61_000,
    peerOf: createPeerCredentials(),
    spans: opener,
    complain: (error) => void complaints.push(error),
  });
};
const connect = () => driver().connect(spec.vmId, forEver);
const launched = async (): Promise<VmmConnection> => {
  await driver().launch(spec, forEver);
  return connect();
};
const booted = async (): Promise<VmmConnection> => {
  const connection = await launched();
  await connection.boot(forEver);
  return connection;
};

describe("a launch", () => {
  it("tells Firecracker what the guest is to have, and leaves it before its first instruction", async () => {
    await opener.operation("launch", {}, () => driver().launch(spec, forEver));
    expect(called.map(({ name }) => name)).toEqual(["vmm.start"]);
    expect(called[0]?.params).toMatchObject({ vmm: "firecracker", accel: "kvm", disk_kind: "reflink" });
    expect(vmm.asked).toEqual([
      "GET /version",
      "PUT /metrics",
      "PUT /machine-config",
      "PUT /drives/root",
      "PUT /drives/volume0",
      "PUT /network-interfaces/eth0",
      "PUT /vsock",
      "PUT /entropy",
      "PUT /balloon",
      "PUT /boot-source",
    ]);
    expect(vmm.state).toBe("Not started");
    expect(vmm.settings.config).toMatchObject({
      kernel: at("kernel"),
      cpus: 2,
      memoryMib: 512,
      network: { tap: "tap-0011", mac: spec.mac },
    });
    // What a guest flushes must reach the host's disk, and its end must be the machine's.
    const safe = { cache_type: "Writeback", is_read_only: false, is_root_device: false };
    expect(vmm.settings.shown).toMatchObject({
      drives: [
        { drive_id: "root", path_on_host: at("root"), ...safe },
        { drive_id: "volume0", path_on_host: at("volume"), ...safe },
      ],
    });
    expect(vmm.settings.config.bootArgs.split(" ")).toEqual(
      expect.arrayContaining(["console=ttyS0", "panic=-1", "reboot=k", "banger.power_off=reset"]),
    );
    const [version, ...others] = spans.filter(({ kind }) => kind === "client");
    expect(version).toMatchObject({
      name: "GET /version",
      attributes: { "http.request.method": "GET", "url.path": "/version", "http.response.status_code": 200 },
    });
    expect(others.map(({ name }) => name)).toContain("PUT /drives/{drive_id}");
    expect(spans.flatMap(({ attributes }) => Object.keys(attributes)).every(isDeclaredAttribute)).toBe(true);
  });

  it("of a VM without network and volumes names none", async () => {
    const { volumes: _, ...rest } = spec;
    await driver().launch({ ...rest, network: false, volumes: [] }, forEver);
    expect(vmm.asked).not.toContain("PUT /network-interfaces/eth0");
  });

  it.each<[string, () => void, string, RegExp]>([
    [
      "a kernel that can't be opened",
      () => rmSync(at("kernel")),
      "command_failed",
      /^Firecracker refused PUT \/boot-source: Boot source error: The kernel file cannot be opened: No such file/,
    ],
    [
      "a disk that isn't there",
      () => rmSync(at("root")),
      "command_failed",
      /^Firecracker refused PUT \/drives\/root: Drive config error: .*No such file/,
    ],
    [
      "no room",
      () =>
        vmm.odd.set("PUT /vsock", { status: 400, body: '{"fault_message":"No space left on device (os error 28)"}' }),
      "no_space",
      /^Firecracker refused PUT \/vsock: No space/,
    ],
    [
      "a tap that isn't its uid's",
      () => vmm.odd.set("PUT /network-interfaces/eth0", { status: 400, body: refusal(tapNotOurs) }),
      "command_failed",
      /^Firecracker refused PUT \/network-interfaces\/eth0: Network config error: .*\(os error 1\)/,
    ],
    [
      "an answer without its body",
      () => vmm.odd.set("GET /version", { status: 200, body: "{}" }),
      "command_failed",
      /^Firecracker answered GET \/version with what its API doesn't promise: 200 \{\}$/,
    ],
    [
      "an answer that is no JSON",
      () => vmm.odd.set("GET /version", { status: 200, body: "\u001b[2Jhello" }),
      "command_failed",
      /: 200 hello$/,
    ],
    [
      "a body where none is promised",
      () => vmm.odd.set("PUT /entropy", { status: 200, body: "{}" }),
      "command_failed",
      /^Firecracker answered PUT \/entropy with what its API doesn't promise: 200 \{\}$/,
    ],
    [
      "a refusal without words",
      () => vmm.odd.set("PUT /entropy", { status: 500, body: "" }),
      "command_failed",
      /doesn't promise: 500, and nothing more$/,
    ],
    [
      "an answer without an end",
      () => vmm.odd.set("GET /version", { status: 200, body: "x".repeat(300 * 1024) }),
      "command_failed",
      /without an end/,
    ],
  ])("that meets %s names the request", async (_, make, code, says) => {
    make();
    await expect(driver().launch(spec, forEver)).rejects.toMatchObject({
      code,
      plain: expect.stringMatching(says) as string,
    });
    expect(vmm.state).toBe("Not started");
  });

  it("is told with Firecracker's own words when it ends meanwhile", async () => {
    status = { running: false, last_words: "Invalid seccomp filter\u001b[2J" };
    vmm.unanswered.add("PUT /metrics");
    const launching = driver().launch(spec, forEver);
    await expect.poll(() => vmm.asked).toContain("PUT /metrics");
    vmm.hangUp();
    await expect(launching).rejects.toMatchObject({
      code: "guest_died",
      plain: "Firecracker ended: Invalid seccomp filter",
    });
  });

  it("is told without its words where the helper can't be asked for them", async () => {
    status = new BangerError("helper_unavailable", "the helper is away");
    vmm.unanswered.add("PUT /metrics");
    const launching = driver().launch(spec, forEver);
    await expect.poll(() => vmm.asked).toContain("PUT /metrics");
    vmm.hangUp();
    await expect(launching).rejects.toMatchObject({ code: "guest_died" });
  });

  it("that isn't answered is given up, and aborted when its caller leaves", async () => {
    vmm.unanswered.add("PUT /metrics");
    const caller = new AbortController();
    const left = driver().launch(spec, caller.signal);
    await expect.poll(() => vmm.asked).toContain("PUT /metrics");
    caller.abort(new BangerError("cancelled", "left"));
    await expect(left).rejects.toMatchObject({ code: "cancelled" });
    await expect(driver().launch(spec, forEver)).rejects.toMatchObject({
      code: "deadline_exceeded",
      plain: "Firecracker did not answer PUT /metrics within 5000 ms",
    });
  });
});

describe("a connection", () => {
  it.each<[string, () => Promise<unknown>, VmmCondition]>([
    ["has not begun", launched, "prelaunch"],
    ["runs", booted, "running"],
    ["was paused", async () => (await booted()).pause(forEver), "paused"],
    ["stands still for want of room", async () => (await booted()).standStill(forEver), "no_space"],
    [
      "was paused after it stood still",
      async () => {
        const connection = await booted();
        await connection.standStill(forEver);
        await connection.boot(forEver);
        await connection.pause(forEver);
      },
      "paused",
    ],
  ])("to a guest that %s is known as that by a daemon that comes back", async (_, bring, condition) => {
    await bring();
    expect((await connect()).condition).toBe(condition);
  });

  it("tells each change once, and does nothing twice", async () => {
    const connection = await launched();
    const told: VmmCondition[] = [];
    connection.onCondition((condition) => void told.push(condition));
    for (const step of ["boot", "boot", "pause", "pause", "boot", "standStill", "pause", "boot"] as const)
      await connection[step](forEver);
    expect(told).toEqual(["running", "paused", "running", "no_space", "running"]);
    expect(vmm.asked.filter((request) => request === "PATCH /vm")).toHaveLength(4);
    expect(complaints).toEqual([]);
  });

  it.each<["pause" | "standStill" | "boot", VmmCondition, "Running" | "Paused"]>([
    ["pause", "paused", "Running"],
    ["standStill", "no_space", "Running"],
    ["boot", "running", "Paused"],
  ])(
    "knows what became of a `%s` whose caller left before the answer, and takes it back",
    async (step, became, after) => {
      const connection = await booted();
      if (step === "boot") await connection.pause(forEver);
      vmm.unanswered.add("PATCH /vm");
      const caller = new AbortController();
      const cut = connection[step](caller.signal);
      const patches = () => vmm.asked.filter((request) => request === "PATCH /vm").length;
      const before = patches();
      await expect.poll(patches).toBe(before + 1);
      caller.abort(new BangerError("cancelled", "left"));
      await expect(cut).rejects.toMatchObject({ code: "cancelled" });
      expect(connection.condition).toBe(became);
      vmm.unanswered.clear();
      await (step === "boot" ? connection.pause(forEver) : connection.boot(forEver));
      expect(vmm.state).toBe(after);
    },
  );

  it("asks again for what was refused half way, though its state doesn't say so", async () => {
    const connection = await booted();
    vmm.odd.set("PATCH /vm", { status: 400, body: '{"fault_message":"Timed out waiting for vCPUs"}' });
    await expect(connection.pause(forEver)).rejects.toMatchObject({ code: "command_failed" });
    expect(connection.condition).toBe("running");
    vmm.odd.clear();
    vmm.asked.length = 0;
    await connection.boot(forEver);
    expect(vmm.asked).toContain("PATCH /vm");
    vmm.asked.length = 0;
    await connection.boot(forEver);
    expect(vmm.asked).toEqual([]);
  });

  it.each<[string, string, string]>([
    ["no memory", noMemory, "host_failed"],
    ["no KVM", noKvm, "command_failed"],
  ])("to one that can't begin its guest for want of %s says so, and its guest has not begun", async (_, says, code) => {
    const connection = await launched();
    vmm.odd.set("PUT /actions", { status: 400, body: refusal(says) });
    await expect(connection.boot(forEver)).rejects.toMatchObject({
      code,
      plain: `Firecracker refused PUT /actions: ${says}`,
    });
    expect(connection.condition).toBe("prelaunch");
    vmm.odd.clear();
    await connection.boot(forEver);
    expect(connection.condition).toBe("running");
  });

  it("is lost when Firecracker closes it, never by our own closing", async () => {
    const ours = await launched();
    const theirs = await connect();
    const told: string[] = [];
    void ours.lost.then(() => told.push("ours"));
    ours.close();
    await ours.closed;
    vmm.hangUp();
    expect(await theirs.lost).toEqual({ said: undefined });
    expect(told).toEqual([]);
  });

  it("holds two connections, whatever is asked", async () => {
    const connection = await booted();
    await Promise.all([connection.stats(forEver), connection.pressPowerButton(forEver), connection.pause(forEver)]);
    expect(vmm.connections).toBe(2);
    connection.close();
    await expect.poll(() => vmm.connections).toBe(0);
  });

  it("to one whose start was cut off before it knew what to run ends it", async () => {
    await expect(connect()).rejects.toMatchObject({
      code: "wrong_state",
      plain: expect.stringMatching(/^its start was cut off/) as string,
    });
    expect(called.map(({ name, params }) => [name, params])).toEqual([
      ["vmm.status", { vm_id: spec.vmId }],
      ["vmm.stop", { vm_id: spec.vmId, generation: 3 }],
    ]);
  });

  it("presses ctrl-alt-del, and tells of a disk's new size", async () => {
    const connection = await booted();
    let pressed = 0;
    machine.onCtrlAltDel = () => pressed++;
    await connection.pressPowerButton(forEver);
    await connection.resizeDisk(2048, forEver);
    expect(pressed).toBe(1);
    expect(machine.changedDisks).toEqual([`root ${at("root")}`]);
    expect(vmm.settings.shown).toMatchObject({ drives: [{ cache_type: "Writeback" }, {}] });
  });
});

describe("what Firecracker counts", () => {
  const used = async (connection: VmmConnection) => (await connection.stats(forEver)).disk;

  it("is summed up, over daemons too", async () => {
    const connection = await launched();
    expect(await used(connection)).toBeUndefined();
    await connection.boot(forEver);
    machine.disk = { read: 1_000, written: 10 };
    expect(await used(connection)).toEqual({ readBytes: 1_000, writtenBytes: 10 });
    machine.disk = { read: 1_500, written: 10 };
    connection.close();
    // What it says while no daemon listens waits in the FIFO, that of an hour too; a line of a real one has 10 KiB.
    for (let minute = 0; minute < 60; minute++) await vmm.flush();
    machine.disk = { read: 1_600, written: 30 };
    const next = await connect();
    await expect.poll(() => used(next)).toEqual({ readBytes: 1_600, writtenBytes: 30 });
  });

  it("is not known any more when some of it found no room", async () => {
    const connection = await booted();
    connection.close();
    for (let lines = 0; lines < 1_000; lines++) await vmm.flush();
    const next = await connect();
    // What found room is read first, and the line that tells of the gap last.
    await expect.poll(() => used(next)).toBeUndefined();
  });

  it("goes on behind a line that is too long to be one of metrics", async () => {
    const connection = await booted();
    await writeFile(at("metrics"), `${"x".repeat(600 * 1024)}\n`);
    machine.disk = { read: 1_000, written: 10 };
    expect(await used(connection)).toEqual({ readBytes: 1_000, writtenBytes: 10 });
  });

  it("is not known without its FIFO, and nothing else suffers", async () => {
    const connection = await booted();
    connection.close();
    rmSync(at("metrics"));
    const next = await connect();
    expect(await used(next)).toBeUndefined();
    expect(next.condition).toBe("running");
    expect(complaints).toHaveLength(1);
  });

  it("is not known where what was remembered is spoiled", async () => {
    (await booted()).close();
    expect(existsSync(at("firecracker.json"))).toBe(true);
    writeFileSync(at("firecracker.json"), readFileSync(at("firecracker.json")).subarray(1));
    expect(await used(await connect())).toBeUndefined();
  });
});

describe("the guest's memory", () => {
  it("is what its kernel told, if it did", async () => {
    const connection = await booted();
    expect(await connection.guestMemory(forEver)).toBeUndefined();
    vmm.memory = { total_memory: 500, available_memory: 300 };
    expect(await connection.guestMemory(forEver)).toEqual({ totalBytes: 500, availableBytes: 300 });
  });
});

describe("the guest's agent", () => {
  it("is reached on its vsock port as soon as it listens", async () => {
    const connection = await launched();
    machine.listens = false;
    const opening = connection.openAgent(forEver);
    await connection.boot(forEver);
    machine.listens = true;
    const stream = await opening;
    expect(stream.destroyed).toBe(false);
    stream.destroy();
  });

  it("that never listens is told after a while", async () => {
    machine.listens = false;
    await expect((await booted()).openAgent(forEver)).rejects.toMatchObject({
      code: "guest_died",
      plain: "nothing listens on port 5000 of the guest",
    });
  });

  it("is not waited for by one who leaves", async () => {
    const caller = new AbortController();
    const opening = (await launched()).openAgent(caller.signal);
    caller.abort(new BangerError("cancelled", "left"));
    await expect(opening).rejects.toMatchObject({ code: "cancelled" });
  });

  it.each(["1.16.1", "1.17.0"])("answers after a pause, under version %s", async (version) => {
    vmm.version = version;
    const connection = await booted();
    await connection.pause(forEver);
    await connection.boot(forEver);
    const stream = await connection.openAgent(AbortSignal.timeout(2_000));
    stream.destroy();
    expect(vmm.asked.includes("PUT /snapshot/create")).toBe(version === "1.16.1");
  });
});
