import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Vm } from "../../src/rpc/contract/vm.ts";
import type { SystemStatus } from "../../src/setup/status/status.ts";
import { version } from "../../src/version.ts";
import { type ResourceSpans, spansFromOtlp } from "../support/otlp-spans.ts";
import { otherPackage, wholeHost } from "../support/packages.ts";
import { patience } from "../support/patience.ts";
import { noFirecracker, putRealFirecracker } from "../support/real-firecracker.ts";
import { type Ended, noSandbox, Sandbox } from "../support/sandbox.ts";
import { firstStartInstalled } from "../support/start-tree.ts";
import { expectInvariants, shapeOf, treeOf } from "../support/trace-tree.ts";

const name = `banger-${version}-linux-x64`;
/** Not where `make package` has it: other tests make theirs there at the same time. */
const made = ".cache/smoke-package";
const downloads = "/mnt/tmp/downloads";
/** On a machine that has other work. */
const slow = { timeout: 180_000 * patience };
const both = "bangerd.service bangerd-root.service";

/** What is there to be imported: the guest that all tests have, as a kernel with its modules and an image. */
const sources = (guest: string) => `
  ln -s ${guest}/images/*/root.ext4 debian.ext4; ln -s ${guest}/kernels/*/vmlinux vmlinux
  mkdir modules; cd modules; echo kernel/fs/ext4/ext4.ko > modules.builtin
  cpio --quiet --extract --make-directories 'banger/*' < $(echo ${guest}/kernels/*/initrd); mv banger/lib/*.ko .
  awk '!seen[$0]++' banger/modules banger/modules-mmio |
    while read -r path; do echo "\${path##*/}: \${needs:-}"; needs="\${path##*/} \${needs:-}"; done > modules.dep`;

// A day on a host: each test goes on where the one before it ended.
describe.skipIf(noSandbox)(`a fresh host${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let host: Sandbox;
  let before: string;
  beforeAll(async () => {
    execFileSync("node", ["scripts/package.ts", `--into=${made}`], { stdio: "ignore" });
    const guest = execFileSync("scripts/guest-state", { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
    host = await Sandbox.boot();
    await host.root(`
      sed -i 's|^owner:.*|owner:x:61000:61000::/home/owner:/bin/sh|' /etc/passwd
      install -d -m 700 -o owner -g owner /home/owner /home/owner/.local
      mkdir ${downloads}; cd ${downloads}; cp /mnt/banger/${made}/${name}.tar.gz* .
      ${sources(guest.replace(process.cwd(), "/mnt/banger"))}`);
    if (noFirecracker === undefined) await putRealFirecracker(host, "/usr/local/bin");
    before = await wholeHost(host);
  }, 300_000 * patience);
  afterAll(async () => {
    rmSync(made, { recursive: true, force: true });
    await host[Symbol.asyncDispose]();
  });

  /** What `sudo` runs. */
  const sudo = (...argv: string[]) => host.run(argv, { as: "root", env: { SUDO_USER: "owner" } });
  /** What the owner types, who has no rights beyond his own. */
  const owner = (...argv: string[]) =>
    host.run(["banger", ...argv], { env: { PATH: "/usr/local/bin:/usr/bin:/bin", HOME: "/home/owner" } });
  const ok = async (ended: Promise<Ended>) => {
    const { code, stdout, stderr } = await ended;
    if (code !== 0) throw new Error(`exit ${code}: ${stdout}${stderr}`);
    return stdout;
  };
  const json = async <T>(...argv: string[]) => JSON.parse(await ok(owner(...argv, "--json"))) as T;
  const status = () => json<SystemStatus>("system", "status");
  /** The op_id of the last operation of that name. */
  const opOf = async (operation: string) => {
    const { operations } = await json<{ operations: { op_id: string; name: string }[] }>("trace", "ls");
    return operations.find((one) => one.name === operation)?.op_id ?? "";
  };
  /** What tells one run of the guest from another. */
  const boot = () => ok(owner("exec", "web", "--", "cat", "/proc/sys/kernel/random/boot_id"));
  /** What the journal has of an operation, for who may read all of it. */
  const journal = async (opId: string) => {
    const text = await host.root(`journalctl --sync; journalctl --quiet --all -o json BANGER_OP_ID=${opId}`);
    return text
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, string>);
  };

  it("has the package checked, unpacked and installed", async () => {
    expect(await host.root(`cd ${downloads}; sha256sum --check ${name}.tar.gz.sha256; tar -xf ${name}.tar.gz`)).toBe(
      `${name}.tar.gz: OK\n`,
    );
    const installed = await ok(sudo(`${downloads}/${name}/bin/banger`, "system", "install"));
    expect(installed).toContain(`installed: ${version}, for owner`);
    expect(await status()).toMatchObject({ owner: "owner", drift: [], troubles: [] });
  });

  it("takes a kernel and an image without sudo", slow, async () => {
    await ok(owner("kernel", "import", `${downloads}/vmlinux`, "--modules", `${downloads}/modules`, "--name", "linux"));
    await ok(owner("image", "import", `${downloads}/debian.ext4`, "--name", "debian"));
  });

  it("runs a VM, a command in it, and is told nothing amiss, without sudo", slow, async () => {
    const brought = noFirecracker === undefined ? ["--vmm", "firecracker", "--disk-kind", "copy"] : [];
    await ok(owner("create", "--name", "web", "--memory", "256M", ...brought));
    await ok(owner("start", "web"));
    if (noFirecracker === undefined) expect(await json("vm", "show", "web")).toMatchObject({ vmm: "firecracker" });
    expect(await ok(owner("exec", "web", "--", "hostname"))).toBe("web\n");
    expect(await ok(owner("ssh", "web", "--", "uname -n; id -un"))).toBe("web\nroot\n");
    expect(await host.root("stat -c '%a %U' /home/owner/.local/state/banger/*/id_ed25519")).toMatch(/^600 owner$/m);
    expect((await owner("doctor")).stdout).not.toMatch(/^error/m);
  });

  it("has the trace of the start, from the command into the guest's boot", async () => {
    const opId = await opOf("banger vm start");
    const { resourceSpans } = await json<{ resourceSpans: ResourceSpans[] }>("trace", "show", opId);
    const spans = spansFromOtlp(resourceSpans);
    expectInvariants(spans, opId);
    const { vmm, accel, disk_kind: disk = "qcow2" } = await json<Vm>("vm", "show", "web");
    // Where systemd takes its time, it is asked again what became of the unit.
    const unit = spans.find(({ name }) => name === "unit starting")?.span_id;
    const again = spans.filter(({ parent_span_id: parent }) => parent === unit).slice(1);
    const once = spans.filter((span) => !again.includes(span));
    expect(shapeOf(treeOf(once))).toEqual(firstStartInstalled(vmm, accel ?? "tcg", disk));
  });

  it("finds what belongs to an operation by its op_id, in the journal and without rights to it", async () => {
    const opId = await opOf("banger vm start");
    const units = new Set((await journal(opId)).map(({ _SYSTEMD_UNIT: unit }) => unit));
    expect(units).toEqual(new Set(["bangerd.service", "bangerd-root.service"]));
    const shown = await ok(owner("logs", opId, "--json"));
    const kept = shown
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { service: string }).service);
    expect(new Set(kept)).toEqual(new Set(["banger", "bangerd", "bangerd-root"]));
    // What fails says by which op_id it is found.
    const refused = await owner("create", "--name", "web");
    const [failed = ""] = /op-[0-9a-f]{32}/.exec(refused.stderr) ?? [];
    expect([refused.code, failed]).toEqual([73, expect.stringMatching(/^op-/)]);
    expect(await ok(owner("logs", failed))).toContain("already_exists");
    expect((await journal(failed)).map(({ MESSAGE = "" }) => MESSAGE).join("\n")).toContain("already_exists");
    expect(await ok(owner("trace", "show", failed))).toContain("already_exists");
  });

  it.each([
    ["restarted", `systemctl restart ${both}`],
    ["killed", `systemctl kill --kill-whom=main --signal=KILL ${both}`],
  ])("has its VM run on while both services are %s", async (_, script) => {
    const guest = await boot();
    await host.root(script);
    expect(await boot()).toBe(guest);
    expect(await status()).toMatchObject({ vmms: [{ vm: "web" }], troubles: [] });
  });

  it("is upgraded, and goes back, under its VM", slow, async () => {
    const guest = await boot();
    const next = await otherPackage(host, "9.0.0", "", `${downloads}/${name}`);
    expect(await ok(sudo(`${next}/bin/banger`, "system", "upgrade"))).toContain(`${version} to 9.0.0`);
    expect(await status()).toMatchObject({ version: { daemon: "9.0.0", helper: "9.0.0" }, troubles: [] });
    expect(await boot()).toBe(guest);
    expect(await ok(sudo(`${downloads}/${name}/bin/banger`, "system", "upgrade"))).toContain(`9.0.0 to ${version}`);
    expect(await status()).toMatchObject({ version: { daemon: version, helper: version }, troubles: [] });
    expect(await boot()).toBe(guest);
  });

  it("is as it was before, once banger is removed", slow, async () => {
    expect((await sudo("banger", "system", "uninstall")).code).toBe(75);
    const removed = await ok(sudo("banger", "system", "uninstall", "--stop-vms", "--purge", "--force"));
    expect(removed).toContain("nothing of banger is left");
    expect(await wholeHost(host)).toBe(before);
  });
});
