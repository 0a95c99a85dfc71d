import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { cpioArchive } from "../../src/daemon/kernel/cpio.ts";
import type { Vm } from "../../src/rpc/contract/vm.ts";
import type { SpanRecord } from "../../src/telemetry/span-record.ts";
import { Installation } from "../support/installation.ts";
import { tinyRootFs } from "../support/rootfs.ts";
import { noSandbox } from "../support/sandbox.ts";

/** Why no control group can be given too little memory here. */
const noMemoryLimit = existsSync("/sys/fs/cgroup/memory/memory.limit_in_bytes")
  ? undefined
  : "needs a memory controller of cgroups v1, which is made without a manager";

describe.skipIf(noSandbox)(`a guest${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let host: Installation;
  beforeEach(async () => {
    host = await Installation.start({ guest: true });
    await host.ok("vm", "create", "--name", "web");
  });
  afterEach(() => host[Symbol.asyncDispose]());

  const stages = ["boot.kernel", "boot.init", "boot.root_mount", "boot.identity", "boot.ready"];
  async function stagesOfStart(): Promise<Record<string, number>> {
    await host.ok("vm", "start", "web");
    const { operations } = await host.ok<{ operations: { op_id: string; name: string }[] }>("trace", "ls");
    const spans = await host.spansOf(operations.find((operation) => operation.name === "banger vm start")?.op_id ?? "");
    const ms = (span: SpanRecord) => Number(BigInt(span.end_ns) - BigInt(span.start_ns)) / 1e6;
    return Object.fromEntries(spans.filter((span) => span.service === "guest").map((span) => [span.name, ms(span)]));
  }

  it("has one stage of its boot slowed, and only that span grows", async () => {
    const usual = await stagesOfStart();
    expect(Object.keys(usual)).toEqual(stages);
    await host.ok("vm", "kill", "web");
    // One module, asked for again and again: the kernel reads it each time before it says that it has it.
    const { kernel } = await host.ok<Vm>("vm", "show", "web");
    const modules = (
      await host.sandbox.root(
        `cpio --extract --to-stdout --quiet banger/modules < ${host.layout.kernel(kernel.id).initrd}`,
      )
    ).trim();
    const slow = cpioArchive([
      {
        path: "banger/modules",
        mode: 0o644,
        content: Buffer.from(`${modules}\n${`${modules.split("\n")[0]}\n`.repeat(600)}`),
      },
    ]);
    const initrd = host.layout.kernel(kernel.id).initrd;
    await host.sandbox.run(["bash", "-c", `cat ${initrd} - > /mnt/tmp/initrd`], { as: "root", input: slow });
    await host.sandbox.root(`chmod 444 /mnt/tmp/initrd; mount --bind /mnt/tmp/initrd ${initrd}`);
    const slowed = await stagesOfStart();
    const growth = Object.fromEntries(stages.map((stage) => [stage, (slowed[stage] ?? 0) - (usual[stage] ?? 0)]));
    expect(growth["boot.init"]).toBeGreaterThan(200);
    for (const stage of stages.filter((name) => name !== "boot.init")) {
      expect(growth[stage], stage).toBeLessThan((growth["boot.init"] ?? 0) / 2);
    }
  });

  it("whose root disk holds no file system fails at once, with the console's last lines", async () => {
    // Also where a file system keeps copies of what is at its beginning: in its groups 1, and powers of 3, 5 and 7.
    const groups = [0, 1, 3, 5, 7, 9, 25, 27, 49, 81, 125];
    const zeros = groups.map((group) => `-c 'write -z ${group * 128}M 1M'`).join(" ");
    await host.sandbox.root(`qemu-io -f qcow2 ${zeros} ${host.file.stateDir}/vms/*/root.qcow2`);
    const answer = await host.banger(["vm", "start", "web"]);
    expect(answer.error()).toMatchObject({ code: "guest_died", details: { step: "ready" } });
    expect(answer.error().details?.["console"]).toContain("banger-init: check root disk");
    const { stderr } = await host.person(["vm", "start", "web"]);
    expect(stderr).toMatch(/the console's last lines:\n[^]*\| banger-init: check root disk/);
    expect((await host.person(["vm", "logs", "web"])).stdout).toContain("banger-init: check root disk");
  });

  it("with a disk of 1 TiB is ready before its file system has grown to that, which it does meanwhile", async () => {
    await host.ok("vm", "create", "--name", "large", "--disk-mib", "1048576");
    await host.ok("vm", "start", "large");
    const script = "df --output=size -BG / | tail -n1 | tr -dc 0-9";
    const size = async () =>
      Number((await host.ok<{ stdout: string }>("vm", "exec", "large", "--", "sh", "-c", script)).stdout);
    // A fifth of this takes some five seconds: a first look finds it under way.
    const early = await size();
    expect(early).toBeLessThan(900);
    await expect.poll(size, { timeout: 30_000, interval: 500 }).toBeGreaterThan(early);
  });

  it("with too little memory, or more than there is, fails with the reason", async () => {
    const little = await host.banger(["vm", "create", "--name", "tiny", "--memory-mib", "64"]);
    expect(little.error()).toMatchObject({ code: "bad_params", details: { field: "memory_mib" } });
    await host.ok("vm", "create", "--name", "vast", "--memory-mib", "1048576");
    const much = await host.banger(["vm", "start", "vast"]);
    expect(much.error()).toMatchObject({ code: "no_memory", details: { needed_mib: 1_048_672 } });
    const told = await host.banger(["vm", "start", "vast", "--overcommit"]);
    expect(told.error().message).toMatch(/QEMU ended.*memory/);
  });

  it("that panics is failed, and says so", async () => {
    await host.ok("vm", "start", "web");
    void host.banger([
      "vm",
      "exec",
      "web",
      "--",
      "sh",
      "-c",
      "echo 1 > /proc/sys/kernel/sysrq; echo c > /proc/sysrq-trigger",
    ]);
    await host.daemon?.logged((record) => record.message === "the VMM ended");
    expect(await host.ok("vm", "show", "web")).toMatchObject({
      state: "failed",
      error: { message: expect.stringMatching(/kernel panic/) as string },
    });
    expect(await host.ok("vm", "start", "web")).toMatchObject({ state: "running", error: null });
  });

  it.skipIf(noMemoryLimit)(
    `whose VMM is killed as the host has no memory left says so${noMemoryLimit ? ` (${noMemoryLimit})` : ""}`,
    async () => {
      const { pid } = await host.ok<Vm>("vm", "start", "web");
      const group = "/sys/fs/cgroup/memory/banger-test-oom";
      try {
        await host.sandbox.root(
          `mkdir -p ${group}; echo 16M > ${group}/memory.limit_in_bytes; echo ${pid} > ${group}/cgroup.procs`,
        );
        // Each page of it is the VMM's.
        await host.banger(["vm", "exec", "web", "--", "sh", "-c", "head -c 100M /dev/zero | tail -c 90M | wc -c"]);
        await host.daemon?.logged((record) => record.message === "the VMM ended");
      } finally {
        await host.sandbox.root(`rmdir ${group}`);
      }
      expect(await host.ok("vm", "show", "web")).toMatchObject({
        state: "failed",
        exit: { signal: 9, out_of_memory: true },
        error: { message: expect.stringMatching(/^the host ran out of memory/) as string },
      });
    },
  );

  it("whose agent is killed costs a command, not the daemon", async () => {
    await host.ok("vm", "start", "web");
    const last = await host.banger(["vm", "exec", "web", "--", "sh", "-c", "kill -9 $PPID"]);
    expect(last.error()).toMatchObject({
      code: "guest_died",
      message: expect.stringMatching(/was started again/) as string,
    });
    expect(await host.ok("vm", "kill", "web")).toMatchObject({ state: "stopped" });
  });

  it("of an image without an init runs commands all the same", async () => {
    const directory = mkdtempSync(join(tmpdir(), "banger-tiny-"));
    try {
      const tar = tinyRootFs(directory);
      execFileSync("chmod", ["a+rX", directory, tar]);
      await host.sandbox.root(`umount ${host.file.stateDir}/images; chown owner ${host.file.stateDir}/images`);
      await host.ok("image", "import", tar, "--name", "tiny");
      await host.ok("vm", "create", "--name", "tiny", "--image", "tiny", "--memory-mib", "128");
      await host.ok("vm", "start", "tiny");
      expect((await host.banger(["vm", "exec", "tiny", "--", "/bin/hello"])).json()).toMatchObject({
        exit_code: 0,
        stdout: "hello from nowhere\n",
      });
      expect(await host.ok("vm", "stop", "tiny")).toMatchObject({ state: "stopped" });
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it("is started by one at a time", async () => {
    const both = await Promise.all([1, 2].map(() => host.banger(["vm", "start", "web"])));
    expect(both.map((answer) => answer.code).toSorted((a, b) => Number(a) - Number(b))).toEqual([0, 75]);
    expect(both.find((answer) => answer.code === 75)?.error()).toMatchObject({ code: "busy" });
  });

  it("runs ten commands at a time, each with its own output", async () => {
    await host.ok("vm", "start", "web");
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, n) => host.banger(["vm", "exec", "web", "--", "echo", String(n)])),
    );
    expect(answers.map((answer) => answer.json<{ stdout: string }>().stdout)).toEqual(
      Array.from({ length: 10 }, (_, n) => `${n}\n`),
    );
  });
});
