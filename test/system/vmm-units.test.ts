import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { askHelper } from "../support/ask-helper.ts";
import { Installation } from "../support/installation.ts";
import { patience } from "../support/patience.ts";
import { noSandbox } from "../support/sandbox.ts";

const isThere = "systemctl list-units --all --plain --no-legend --no-pager 'banger-vm-*' | cut -d' ' -f1";
const qemuPid = "pgrep -x qemu-system-x86";

/**
 * The helper as the service that it is on a host, without more. A container whose cgroups are half a host's fails now and then to
 * kill a whole group, and then waits for it: here it kills the process alone. That VMMs are in groups of their own is looked at.
 */
describe.skipIf(noSandbox)(`VMMs of a helper that systemd runs${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let host: Installation;
  let vmId: string;
  let unit: string;
  const root = (script: string) => host.sandbox.root(script);
  const show = (property: string) => root(`systemctl show --property ${property} --value ${unit}`);
  const until = (condition: string) => root(`timeout ${20 * patience} sh -c 'until ${condition}; do sleep 0.02; done'`);
  const startService = async () => {
    const program = `/mnt/banger/bin/bangerd-root --config ${host.config}`;
    await root(`systemd-run --quiet --collect --property=KillMode=process --unit=bangerd-root.service ${program}`);
    await until(`test -S ${host.layout.helperSocket}`);
  };
  const killService = () =>
    root(`
      systemctl kill --kill-whom=main --signal=KILL bangerd-root
      timeout ${20 * patience} sh -c 'while [ "$(systemctl show --property LoadState --value bangerd-root)" = loaded ]; do sleep 0.02; done'
      rm ${host.layout.helperSocket}`);
  /** As soon as nothing is under way any more about the end of its VMM before this one. */
  const start = async () => {
    await expect
      .poll(async () => (await host.banger(["vm", "start", "web"])).code, { timeout: 30_000 * patience })
      .toBe(0);
    return host.ok<{ pid: number; accel: string }>("vm", "show", "web");
  };
  const state = () => host.ok("vm", "show", "web");

  beforeAll(async () => {
    host = await Installation.create({ systemd: true, guest: true });
    await startService();
    await host.startDaemon();
    vmId = (await host.ok<{ id: string }>("vm", "create", "--name", "web", "--memory-mib", "256")).id;
    unit = `banger-vm-${vmId}.service`;
  });
  afterAll(() => host[Symbol.asyncDispose]());

  it("are units of their own, with limits, a device list and the operation's id, and survive the helper", async () => {
    const { pid, accel } = await start();

    expect(await root(isThere)).toBe(`${unit}\n`);
    expect(await root(`grep -c '/banger.slice/${unit}$' /proc/${pid}/cgroup`)).not.toBe("0\n");
    const operation = await host.lastOperation();
    for (const [property, value] of [
      ["Slice", "banger.slice"],
      ["DevicePolicy", "closed"],
      ["DeviceAllow", `${accel === "kvm" ? "/dev/kvm rw\n" : ""}/dev/net/tun rw`],
      ["MemoryMax", String((256 + 4 + 1536) * 2 ** 20)],
      ["TasksMax", "169"],
      // The recorder's and the loggers', where a host lets systemd set it.
      ["OOMScoreAdjust", "-1000"],
      ["LogExtraFields", `BANGER_VM_ID=${vmId} BANGER_OP_ID=${operation}`],
    ] as const) {
      expect(await show(property), property).toBe(`${value}\n`);
    }
    // The same as anywhere else: who it is, what it has, and no environment.
    expect(await root(`grep -E '^(Uid|CapBnd|NoNewPrivs):' /proc/${pid}/status`)).toBe(
      "Uid:\t62000\t62000\t62000\t62000\nCapBnd:\t0000000000000000\nNoNewPrivs:\t1\n",
    );
    expect(await root(`cd /proc/${pid}/fd; stat -Lc %F 0 1 2; readlink 5 6 | grep -o '[a-z]*$'`)).toBe(
      "fifo\nfifo\nfifo\nvmlinux\ninitrd\n",
    );
    expect(await root(`cat /proc/${pid}/oom_score_adj`)).toBe("200\n");
    expect(await root(`tr '\\0' '\\n' </proc/${pid}/environ | grep -v ^PWD= || true`)).toBe("");
    const spans = await host.spansOf(operation);
    const starting = spans.find(({ name }) => name === "unit starting");
    expect(starting?.attributes).toMatchObject({ "banger.systemd.unit": unit });

    await killService();
    expect(await root(qemuPid)).toBe(`${pid}\n`);
    await startService();
    expect(await host.ok("vm", "exec", "web", "true")).toMatchObject({ exit_code: 0 });
    expect(await state()).toMatchObject({ state: "running", pid });
  });

  it("have their end written down while helper and daemon are away, and leave no unit", async () => {
    await host.daemon?.end("KILL");
    await killService();
    await root(`kill -9 $(${qemuPid})`);
    await startService();
    await host.startDaemon();
    await expect.poll(state, { timeout: 20_000 * patience }).toMatchObject({ exit: { how: "exited", signal: 9 } });
    await expect.poll(() => root(isThere)).toBe("");
  });

  it("are asked to go where systemd ends their unit, and say that it did", async () => {
    await start();
    await root(`systemctl stop ${unit}`);
    expect(await root(isThere)).toBe("");
    await expect
      .poll(state, { timeout: 20_000 * patience })
      .toMatchObject({ state: "stopped", error: null, exit: { how: "shutdown", asked_by: "unit" } });
    expect(await root(`tail -n 3 ${host.layout.vm(vmId).consoleLog}`)).toContain("reboot: Power down");
  });

  it("end all the same where there is no daemon to ask their guest", async () => {
    await start();
    await host.daemon?.end("KILL");
    await root(`systemctl stop ${unit}`);
    expect(await root(`${isThere}; ${qemuPid} || true`)).toBe("");
    await host.startDaemon();
    await expect.poll(state, { timeout: 20_000 * patience }).toMatchObject({ exit: { status: 0 } });
  });

  it("are ended by a helper that starts them the other way, and the other way round", async () => {
    await start();
    await killService();
    const helper = await host.startHelper();
    await host.ok("vm", "kill", "web");
    expect(await root(isThere)).toBe("");
    const { pid } = await start();
    expect(await root(isThere)).toBe("");
    await helper.end("KILL");
    await root(`rm ${host.layout.helperSocket}`);
    await startService();
    expect(await state()).toMatchObject({ state: "running", pid });
    await host.ok("vm", "kill", "web");
    expect(await root(`${qemuPid} || true`)).toBe("");
  });

  const startFails = async () => (await host.banger(["vm", "start", "web"])).error();
  const isClean = async () => expect(await root(`${isThere}; ${qemuPid} || true`)).toBe("");

  it("say in the journal too why they ended, under the operation's id, and can alarm nobody", async () => {
    await host.replaceQemu("echo '<0>no such disk' >&2; exit 3");
    const error = await startFails();
    expect(error.message).toContain("QEMU ended at once: <0>no such disk");
    const records = `journalctl --output=json BANGER_OP_ID=${error.op_id} _TRANSPORT=stdout`;
    await expect.poll(() => root(records)).not.toBe("");
    expect(JSON.parse(await root(records))).toMatchObject({
      MESSAGE: "<0>no such disk",
      PRIORITY: "6",
      SYSLOG_IDENTIFIER: "banger-vm",
      BANGER_VM_ID: vmId,
      _SYSTEMD_UNIT: unit,
    });
    await isClean();
    await root("umount /usr/bin/qemu-system-x86_64");
  });

  it.each([
    ["/mnt/banger/dist/take-files", () => `${unit} failed: exit-code 1`],
    ["/usr/bin/busctl", () => `systemd was asked for ${unit}: busctl exited with 1`],
  ])("aren't started where %s fails, and that is said", async (program, said) => {
    await root(`mount --bind /bin/false ${program}`);
    const error = await startFails();
    await root(`umount ${program}`);
    expect(error.message).toContain(said());
    await isClean();
  });

  it("leave units, where nobody knows them any more, that reconciling removes, and nobody else's", async () => {
    const [runs, failed, others, elsewhere] = ["aa", "bb", "cc", "dd"].map((end) => `00000000000000${end}`);
    const make = (id: string | undefined, command: string, { slice = "banger", installation = "5eed0001" } = {}) => `
      systemd-run --quiet --unit=banger-vm-${id} --slice=${slice} --property=CollectMode=inactive \\
        --description='VM ${id} of banger (banger:${installation}:${id})' ${command}`;
    await root(`
      ${make(runs, "sleep 1000")}
      ${make(failed, "false")}
      ${make(others, "sleep 1000", { installation: "5eed0002" })}
      ${make(elsewhere, "sleep 1000", { slice: "system" })}`);
    await until(`systemctl is-failed --quiet banger-vm-${failed}`);
    expect((await askHelper(host, "vmm.list")).result).toMatchObject({ remains: [{ vm_id: runs }, { vm_id: failed }] });
    await host.ok("reconcile");
    expect(await root(isThere)).toBe(`banger-vm-${others}.service\nbanger-vm-${elsewhere}.service\n`);
  });
});
