import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Vm } from "../../src/rpc/contract/vm.ts";
import { Installation } from "../support/installation.ts";
import { noSandbox } from "../support/sandbox.ts";
import { firstStart } from "../support/start-tree.ts";
import { expectInvariants, shapeOf, treeOf } from "../support/trace-tree.ts";

describe.skipIf(noSandbox)(`a VM from start to end${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let host: Installation;
  let before: string;
  let vm: Vm;

  beforeAll(async () => {
    host = await Installation.start({ guest: true });
    before = await host.hostState();
    await host.ok("vm", "create", "--name", "web", "--accel", "tcg");
    vm = await host.ok<Vm>("vm", "start", "web");
  }, 60_000);
  afterAll(() => host[Symbol.asyncDispose]());

  it("is running, with an address, a pid and a uid of its own", async () => {
    expect(vm).toMatchObject({ state: "running", address: "10.77.0.2", accel: "tcg", generation: 1, error: null });
    const status = await host.sandbox.root(`grep -E '^(Uid|NoNewPrivs|CapEff|Seccomp):' /proc/${vm.pid}/status`);
    expect(status).toMatch(/^Uid:\t(62000)\t\1\t\1\t\1$/m);
    expect(status).toMatch(/^CapEff:\t0+$/m);
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    expect(status).toMatch(/^Seccomp:\t2$/m);
  });

  it("has a clock that goes as its host's: it is told how fast its time-stamp counter counts, and measures nothing", async () => {
    const inGuest = async (...argv: string[]) =>
      (await host.ok<{ stdout: string }>("vm", "exec", "web", "--", ...argv)).stdout;
    const khz = Number(/ tsc_early_khz=(\d+)/.exec(await inGuest("cat", "/proc/cmdline"))?.[1]);
    const told = await inGuest("sh", "-c", "dmesg | grep tsc:");
    const detected = Number(/tsc: Detected ([\d.]+) MHz/.exec(told)?.[1]);
    expect(Math.abs(detected * 1_000 - khz) / khz).toBeLessThan(0.01);
    expect(told).not.toContain("PIT calibration");
    const uptime = async () => {
      const asked = performance.now();
      const [seconds = ""] = (await inGuest("cat", "/proc/uptime")).split(" ");
      return { guest: Number(seconds) * 1_000, earliest: asked, latest: performance.now() };
    };
    const begin = await uptime();
    await inGuest("sleep", "3");
    const end = await uptime();
    const passed = end.guest - begin.guest;
    expect(passed).toBeGreaterThan((end.earliest - begin.latest) * 0.98 - 20);
    expect(passed).toBeLessThan((end.latest - begin.earliest) * 1.02 + 20);
  });

  it("has sockets that its owner may use, in a directory that nobody else enters", async () => {
    const sockets = host.layout.sockets(vm.id).directory;
    expect(await host.sandbox.root(`stat -c '%a %u %g' ${sockets} ${sockets}/qmp.sock`)).toBe(
      "730 61000 62000\n777 62000 62000\n",
    );
    // A VMM that was taken over leaves links to what it would like root to remove.
    await host.sandbox.root(`mkdir /mnt/tmp/precious; touch /mnt/tmp/precious/file`);
    expect(await host.sandbox.run(["ln", "-s", "/mnt/tmp/precious", `${sockets}/link`], { as: 62_000 })).toMatchObject({
      code: 0,
    });
  });

  it("has the trace of its start, from the command into the guest's boot", async () => {
    const { operations } = await host.ok<{ operations: { op_id: string; name: string }[] }>("trace", "ls");
    const opId = operations.find((operation) => operation.name === "banger vm start")?.op_id ?? "";
    const spans = await host.spansOf(opId);
    expectInvariants(spans, opId);
    expect(shapeOf(treeOf(spans))).toEqual(firstStart("tcg"));
  });

  it("has that op_id on every line of daemon and helper about it", async () => {
    const { operations } = await host.ok<{ operations: { op_id: string; name: string }[] }>("trace", "ls");
    const opId = operations.find((operation) => operation.name === "banger vm start")?.op_id;
    const stages = host.daemon?.log.filter((record) => record["op_id"] === opId) ?? [];
    expect(
      stages.filter((record) => record.message === "operation stage" && record["phase"] === "completed"),
    ).toHaveLength(14);
    expect(stages.map((record) => record.message)).toContain("operation completed");
    const calls = host.helper?.log.filter((record) => record["op_id"] === opId) ?? [];
    expect(calls.map((record) => [record.message, record["method"]])).toEqual(
      ["host.look", "bridge.ensure", "nat.ensure", "tap.create", "resolver.set", "vmm.start"].map((method) => [
        "helper rpc completed",
        method,
      ]),
    );
  });

  it.each([
    ["its output", ["sh", "-c", "echo out; echo err >&2"], { exit_code: 0, stdout: "out\n", stderr: "err\n" }, 0],
    ["its exit code", ["sh", "-c", "exit 7"], { exit_code: 7, signal: null }, 7],
    ["the signal that ended it", ["sh", "-c", "kill -9 $$"], { exit_code: null, signal: 9 }, 137],
    ["its name", ["hostname"], { stdout: "web\n" }, 0],
  ])("runs a command and passes %s", async (_, argv, expected, code) => {
    const answer = await host.banger(["vm", "exec", "web", "--", ...argv]);
    expect(answer.json()).toMatchObject(expected);
    expect(answer.code).toBe(code);
  });

  it("passes environment, working directory, user and standard input", async () => {
    const answer = await host.banger(
      [
        "vm",
        "exec",
        "-i",
        "-e",
        "A=b",
        "-C",
        "/tmp",
        "-u",
        "nobody",
        "web",
        "--",
        "sh",
        "-c",
        "cat; echo $A; pwd; id -un",
      ],
      { input: "hello\n" },
    );
    expect(answer.json<{ stdout: string }>().stdout).toBe("hello\nb\n/tmp\nnobody\n");
  });

  it("has a file system as large as its disk", async () => {
    const size = async () => {
      const { stdout } = await host.ok<{ stdout: string }>(
        "vm",
        "exec",
        "web",
        "--",
        "df",
        "--output=size",
        "-BM",
        "/",
      );
      return Number(/(\d+)M$/m.exec(stdout)?.[1]);
    };
    await expect.poll(size, { timeout: 20_000 }).toBeGreaterThan(19_000);
  });

  it("has its address and route before its own init has finished", async () => {
    const { stdout } = await host.ok<{ stdout: string }>("vm", "exec", "web", "--", "ip", "-4", "route");
    expect(stdout).toMatch(/^default via 10\.77\.0\.1/m);
    expect(stdout).toMatch(/10\.77\.0\.0\/24 .* src 10\.77\.0\.2/);
  });

  it("is reached by ssh with a host key that was known beforehand", async () => {
    const ended = await host.person(["vm", "ssh", "web", "--", "cat", "/etc/hostname"]);
    expect(ended).toMatchObject({ code: 0, stdout: "web\n" });
    const { operations } = await host.ok<{ operations: { op_id: string; name: string }[] }>("trace", "ls");
    const opId = operations.find((operation) => operation.name === "banger vm ssh")?.op_id ?? "";
    const spans = await host.spansOf(opId);
    expectInvariants(spans, opId);
    const steps = ["find vm", "ssh key", "ssh server", "known_hosts", "ssh session"];
    expect(shapeOf(treeOf(spans))).toEqual([
      "banger banger vm ssh",
      ["banger call vm.ssh", ["bangerd vm.ssh", ...steps.map((step) => [`bangerd ${step}`])]],
    ]);
    const attributesOf = (name: string) => spans.find((span) => span.name === name)?.attributes;
    expect(attributesOf("ssh server")).toMatchObject({
      "banger.vm.name": "web",
      "server.address": "10.77.0.2",
      "server.port": 22,
    });
    expect(attributesOf("known_hosts")).toMatchObject({ "file.path": expect.stringMatching(/known_hosts$/) as string });
  }, 60_000);

  it("a second start changes nothing and says so; a delete without --force is refused", async () => {
    expect(await host.ok("vm", "start", "web")).toMatchObject({ generation: 1, unchanged: true });
    const removed = await host.banger(["vm", "delete", "web"]);
    expect(removed.error()).toMatchObject({
      code: "wrong_state",
      details: { hint: expect.stringContaining("--force") as string },
    });
  });

  it("is found by a prefix, and says what is ambiguous", async () => {
    await host.ok("vm", "create", "--name", "webber");
    expect(await host.ok("vm", "show", "webb")).toMatchObject({ name: "webber" });
    const answer = await host.banger(["vm", "show", "we"]);
    expect(answer.error()).toMatchObject({ code: "ambiguous", details: { candidates: ["web", "webber"] } });
    await host.ok("vm", "delete", "webber");
  });

  it("stops in order, starts again, and leaves nothing behind when deleted", async () => {
    expect(await host.ok("vm", "stop", "web")).toMatchObject({ state: "stopped", pid: null });
    expect(await host.ok("vm", "start", "web")).toMatchObject({ state: "running", generation: 2 });
    expect(await host.ok("vm", "kill", "web")).toMatchObject({ state: "stopped" });
    await host.ok("vm", "delete", "web");
    await host.ok("network", "down");
    expect(await host.sandbox.root("ls /mnt/tmp/precious")).toBe("file\n");
    expect(await host.hostState()).toBe(before);
  }, 60_000);
});
