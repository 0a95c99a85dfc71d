import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { askHelper } from "../support/ask-helper.ts";
import { Installation, type LogRecord } from "../support/installation.ts";
import { noSandbox } from "../support/sandbox.ts";

const vmId = "00112233445566ff";
const digest = "ab".repeat(32);
const tap = { vm_id: vmId, address: "10.77.0.2", mac: "02:00:11:22:33:44" };
const vmm = {
  vm_id: vmId,
  generation: 1,
  kernel_id: digest,
  image_id: digest,
  cpus: 1,
  memory_mib: 64,
  accel: "tcg",
  mac: tap.mac,
};

describe.skipIf(noSandbox)(`the helper${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let host: Installation;
  let before: string;
  beforeEach(async () => {
    host = await Installation.create();
    await host.startHelper();
    before = await host.hostState();
  });
  afterEach(() => host[Symbol.asyncDispose]());

  const ask = (method: string, params: object = {}, as: "owner" | "root" | number = "owner") =>
    askHelper(host, method, params, as);
  const network = async () => {
    await ask("bridge.ensure");
    await ask("nat.ensure");
  };

  it("makes bridge, rules and tap, finds them as they should be, and takes all away again", async () => {
    expect(await ask("bridge.ensure")).toMatchObject({ result: { created: true, address: "10.77.0.1/24" } });
    expect(await ask("bridge.ensure")).toMatchObject({ result: { created: false } });
    await ask("nat.ensure");
    const rules = await host.sandbox.root("nft -a list ruleset");
    await ask("nat.ensure");
    expect(await host.sandbox.root("nft -a list ruleset"), "the same rules, not new ones").toBe(rules);
    expect(await ask("tap.create", tap)).toMatchObject({ result: { uid: 62_000 } });
    expect(await host.sandbox.root("ip -d link show type tun")).toMatch(/user 62000/);
    expect(await ask("bridge.remove")).toMatchObject({ error: { code: "in_use" } });
    await ask("tap.remove", { vm_id: vmId });
    await ask("bridge.remove");
    await ask("nat.remove");
    expect(await host.hostState()).toBe(before);
  });

  it.each([
    ["is on the bridge", ":"],
    ["was taken off the bridge", "ip link set $TAP nomaster"],
    ["is on no bridge, as that is gone", "ip link delete $BRIDGE"],
  ])("takes neither bridge nor rules away from a VM whose tap %s", async (_, spoil) => {
    await network();
    await ask("tap.create", tap);
    await host.sandbox.root(`BRIDGE=${host.layout.bridge} TAP=${host.layout.tap(vmId)}; ${spoil}`);
    const held = await host.hostState();
    for (const method of ["bridge.remove", "nat.remove"])
      expect(await ask(method)).toMatchObject({
        error: { code: "in_use", message: `${method}: 1 VM(s) have a tap: ${vmId}` },
      });
    expect(await host.hostState()).toBe(held);
    await ask("tap.remove", { vm_id: vmId });
    for (const method of ["bridge.remove", "nat.remove"]) expect(await ask(method)).toHaveProperty("result");
    expect(await host.hostState()).toBe(before);
  });

  it("puts the policy in place that nft reads so, in the place of an older one, with the pins that there are", async () => {
    await network();
    await ask("tap.create", tap);
    const expected = readFileSync("test/data/policy.nft", "utf8");
    const read = async () =>
      (await host.sandbox.root("nft list ruleset")).replace(/policy_[0-9a-f]{12}/, "policy_MARK");
    expect(await read()).toBe(expected);
    const { table } = host.layout;
    const mark = await host.sandbox.root(`nft list table inet ${table} | grep -o 'policy_[0-9a-f]*'`);
    await host.sandbox.root(`nft delete chain inet ${table} ${mark.trim()}; nft add chain inet ${table} policy_older`);
    await ask("nat.ensure");
    expect(await read()).toBe(expected);
  });

  it.each([
    ["was set down", 'ip link set "$BRIDGE" down'],
    ["lost its address", 'ip address flush dev "$BRIDGE"'],
    [
      "has the guest's MAC at another port",
      'ip link add o0 type veth peer name o1; ip link set o0 master "$BRIDGE"; bridge fdb replace 02:00:11:22:33:44 dev o0 master static; ip link set "$BRIDGE" down',
    ],
    ["was removed", 'ip link delete "$BRIDGE"'],
  ])("mends a bridge with a tap on it that %s, at the first try", async (_, spoil) => {
    await network();
    await ask("tap.create", tap);
    await host.sandbox.root(`BRIDGE=${host.layout.bridge}; ${spoil}`);
    expect(await ask("bridge.ensure")).toMatchObject({ result: { address: "10.77.0.1/24" } });
    expect(await ask("bridge.ensure")).toMatchObject({ result: { created: false } });
    const pinned = await host.sandbox.root(`bridge fdb show br ${host.layout.bridge}; ip neighbour show nud permanent`);
    expect(pinned).toContain(`02:00:11:22:33:44 dev ${host.layout.tap(vmId)} master ${host.layout.bridge} static`);
    expect(pinned).toContain(`10.77.0.2 dev ${host.layout.bridge} lladdr 02:00:11:22:33:44 PERMANENT`);
  });

  it("does each of these a second time without harm", async () => {
    for (const method of ["bridge.remove", "nat.remove"])
      expect(await ask(method)).toMatchObject({ result: { removed: false } });
    expect(await ask("tap.remove", { vm_id: vmId })).toMatchObject({ result: { removed: false } });
    expect(await ask("vmm.stop", { vm_id: vmId, generation: 1 })).toMatchObject({ result: { stopped: false } });
    expect(await host.hostState()).toBe(before);
  });

  it("leaves a link of its bridge's name that isn't its own alone", async () => {
    await host.sandbox.root(`ip link add ${host.layout.bridge} type bridge`);
    const foreign = await host.hostState();
    for (const method of ["bridge.ensure", "bridge.remove"]) {
      expect(await ask(method)).toMatchObject({ error: { code: "already_exists" } });
    }
    expect(await host.hostState()).toBe(foreign);
  });

  it("leaves others' rules alone, and forwarding as it was", async () => {
    await host.sandbox.root(
      "nft add table inet other; nft add chain inet other c '{ type filter hook forward priority 0; }'; sysctl -qw net.ipv4.ip_forward=0",
    );
    const foreign = await host.hostState();
    await network();
    expect(await host.sandbox.root("cat /proc/sys/net/ipv4/ip_forward")).toBe("1\n");
    await ask("nat.remove");
    await ask("bridge.remove");
    expect(await host.hostState()).toBe(foreign);
  });

  it.each([
    ["an address outside of the subnet", { ...tap, address: "10.78.0.2" }, "bad_params"],
    ["the bridge's own address", { ...tap, address: "10.77.0.1" }, "bad_params"],
    ["a VM id that is a path", { ...tap, vm_id: "../../../etc/x" }, "bad_params"],
    ["a MAC address that is a command", { ...tap, mac: "02:00; reboot" }, "bad_params"],
  ])("makes no tap for %s", async (_, params, code) => {
    await network();
    expect(await ask("tap.create", params)).toMatchObject({ error: { code } });
  });

  it("keeps a newer generation's tap from an older one, and lists what it holds", async () => {
    await network();
    await ask("tap.create", { ...tap, generation: 3 });
    const held = await host.hostState();
    expect(await ask("tap.remove", { vm_id: vmId, generation: 2 })).toMatchObject({ error: { code: "wrong_state" } });
    expect(await ask("tap.create", { ...tap, generation: 2 })).toMatchObject({ error: { code: "wrong_state" } });
    expect(await host.hostState()).toBe(held);
    expect((await ask("vmm.list")).result).toEqual({
      vmms: [],
      taps: [{ vm_id: vmId, tap: host.layout.tap(vmId), generation: 3 }],
      exits: [],
      leases: [{ vm_id: vmId, uid: 62_000 }],
      remains: [],
      disks: [],
    });
    expect(await ask("tap.remove", { vm_id: vmId, generation: 4 })).toMatchObject({ result: { removed: true } });
    expect((await ask("vmm.list")).result).toMatchObject({ taps: [], leases: [] });
  });

  it("says what the kernel says, when it refuses", async () => {
    await network();
    await host.sandbox.root(`nft delete table inet ${host.layout.table}`);
    const before = await host.hostState();
    const { error } = await ask("tap.create", tap);
    expect(error).toMatchObject({ code: "command_failed" });
    expect(error?.message).toMatch(
      /^tap\.create: add to set guests of banger_5eed0001: ENOENT \(no such file or directory\)/,
    );
    expect(await host.hostState()).toBe(before);
  });

  it("gives a uid back when what was to have it isn't made", async () => {
    await network();
    // A tap that isn't banger's, under the name that is wanted.
    await host.sandbox.root(`ip tuntap add dev ${host.layout.tap(vmId)} mode tap`);
    expect(await ask("tap.create", tap)).toMatchObject({ error: { code: "already_exists" } });
    expect(await ask("vmm.start", vmm)).toMatchObject({ error: { code: "not_found" } });
    expect((await ask("vmm.list")).result).toMatchObject({ leases: [] });
  });

  it("makes no second tap with the address of another VM, and none without a bridge", async () => {
    expect(await ask("tap.create", tap)).toMatchObject({ error: { code: "not_found" } });
    await network();
    await ask("tap.create", tap);
    expect(await ask("tap.create", { ...tap, vm_id: "ffffffffffffffff" })).toMatchObject({
      error: { code: "already_exists" },
    });
  });

  describe("is given files by the owner", () => {
    const state = "/mnt/tmp/installation/state";
    const files = {
      image: `images/${digest}/root.ext4`,
      kernel: `kernels/${digest}/vmlinux`,
      disk: `vms/${vmId}/root.qcow2`,
      initrd: `vms/${vmId}/initrd`,
    };
    beforeEach(async () => {
      await network();
      await ask("tap.create", tap);
      await host.sandbox.root(
        `cd ${state}; for file in ${Object.values(files).join(" ")}; do mkdir -p $(dirname $file); echo x > $file; done; chown -R owner:owner .`,
      );
    });

    it.each([
      ["that isn't there", `rm ${files.kernel}`, "not_found"],
      ["that is a link", `mv ${files.disk} x; ln -s ../../x ${files.disk}`, "bad_content"],
      ["below a directory that is a link", `mv kernels/${digest} k; ln -s ../k kernels/${digest}`, "bad_content"],
      ["that has a second name", `ln ${files.image} second`, "bad_content"],
      ["of another user", `chown 0 ${files.initrd}`, "bad_content"],
      ["that is a FIFO", `rm ${files.initrd}; mkfifo ${files.initrd}; chown owner ${files.initrd}`, "bad_content"],
      ["that is a directory", `rm ${files.image}; mkdir ${files.image}; chown owner ${files.image}`, "bad_content"],
    ])("and starts nothing with one %s", async (_, spoil, code) => {
      const prior = await host.hostState();
      await host.sandbox.root(`cd ${state}; ${spoil}`);
      expect(await ask("vmm.start", vmm)).toMatchObject({ error: { code } });
      expect(await host.sandbox.root("pgrep -c qemu-system || true")).toBe("0\n");
      expect(await host.sandbox.root(`find /mnt/tmp/installation/helper -name ${vmId} -type d`)).toBe("");
      expect(prior).toContain("helper/vm");
    });

    it.each([
      ["the state directory", "", "state"],
      ["a directory above a file", `images/${digest}`, `state/images/${digest}`],
    ])("and names the link where %s is one", async (_, path, named) => {
      await host.sandbox.root(
        `cd ${state}/..; mv state/${path} real; ln -s $PWD/real $PWD/${path === "" ? "state" : `state/${path}`}`,
      );
      const { error } = await ask("vmm.start", vmm);
      expect(error).toMatchObject({ code: "bad_content" });
      expect(error?.message).toContain(
        `/mnt/tmp/installation/${named} is a symbolic link to /mnt/tmp/installation/real`,
      );
    });

    it("and says in QEMU's own words why it doesn't start", async () => {
      const answer = await ask("vmm.start", vmm);
      expect(answer).toMatchObject({ error: { code: "command_failed" } });
      expect(answer.error?.message).toMatch(/^vmm\.start: QEMU ended at once: .*qcow2/);
      expect(await host.sandbox.root("pgrep -c qemu-system || true")).toBe("0\n");
    });
  });

  it.each([
    ["root", "root"],
    ["another user", 61_001],
  ] as const)("refuses %s on a socket whose mode was opened, and writes that down", async (_, as) => {
    await host.sandbox.root(`chmod 666 ${host.layout.helperSocket}`);
    expect(await ask("helper.ping", {}, as)).toMatchObject({
      error: { code: "not_owner", op_id: expect.stringMatching(/^op-/) as string },
    });
    const uid = as === "root" ? 0 : as;
    const refused = (record: LogRecord) => record.message === "connection refused: not the owner";
    expect(await host.helper?.logged(refused)).toMatchObject({ peer: { uid } });
    expect(await ask("helper.ping")).toMatchObject({ result: {} });
  });

  it("can't be reached by another user at all", async () => {
    await expect(ask("helper.ping", {}, 61_001)).rejects.toThrow(/EACCES/);
  });

  it("writes one line for each call, and its spans ride back", async () => {
    const { spans } = await ask("bridge.ensure");
    expect(spans?.map((span) => span.name).at(-1)).toBe("bridge.ensure");
    const lines = host.helper?.log.filter((record) => record["method"] === "bridge.ensure");
    expect(lines).toHaveLength(1);
    expect(lines?.[0]).toMatchObject({
      message: "helper rpc completed",
      peer: { uid: 61_000 },
      duration_ms: expect.any(Number) as number,
    });
  });

  it("completes what it has begun when its caller goes away", async () => {
    await host.sandbox.run([
      "node",
      "-e",
      `const s = require("net").createConnection(process.argv[1]); s.write('{"id":"1","method":"bridge.ensure"}\\n', () => process.exit())`,
      host.layout.helperSocket,
    ]);
    await host.helper?.logged((record) => record["method"] === "bridge.ensure");
    expect(await host.sandbox.root(`ip -brief address show ${host.layout.bridge}`)).toContain("10.77.0.1/24");
  });

  it("can be reached by the owner under whatever umask it was started", async () => {
    await host.helper?.end();
    await host.sandbox.root("rm -rf /mnt/tmp/installation/helper");
    await host.startHelper({ umask: "077" });
    expect(await ask("bridge.ensure")).toMatchObject({ result: { created: true } });
    expect(await host.sandbox.root("cd /mnt/tmp/installation/helper; stat -c '%a %n' . *")).toBe(
      "755 .\n600 bangerd-root.sock\n711 console\n700 facts\n600 lock\n700 log\n700 record\n755 vm\n",
    );
  });

  it("serves alone, also when several are started at once", async () => {
    await host.helper?.end();
    const said = await host.sandbox.root(`
      cd /mnt/tmp; for each in 1 2 3 4; do bangerd-root --config ${host.config} > helper$each.log 2>&1 & done
      until [ "$(jobs -pr | wc -l)" -le 1 ] && grep -qs "helper ready" helper?.log; do read -rt 0.02 <> <(:) || true; done
      jobs -pr | wc -l; grep -l "serves this installation already" helper?.log | wc -l; kill $(jobs -pr); wait`);
    expect(said).toBe("1\n3\n");
    await host.startHelper();
  });

  it("is not started twice, nor with a file that others may write", async () => {
    const again = await host.sandbox.run(["bangerd-root", "--config", "/mnt/tmp/installation/install.toml"], {
      as: "root",
    });
    expect(again).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/serves this installation already/) as string,
    });
    await host.sandbox.root("chmod 666 /mnt/tmp/installation/install.toml");
    const writable = await host.sandbox.run(["bangerd-root", "--config", "/mnt/tmp/installation/install.toml"], {
      as: "root",
    });
    expect(writable).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/may be written by others than root/) as string,
    });
    expect(await ask("helper.ping")).toMatchObject({ result: {} });
  });

  it.each([
    ["noise", "head -c 100000 /dev/urandom"],
    ["one frame without an end", "head -c 3000000 /dev/zero | tr '\\0' x"],
    ["deeply nested JSON", "head -c 900000 /dev/zero | tr '\\0' '['; echo"],
    ["half a frame", 'printf \'{"id":"1",\''],
  ])("survives %s on its socket", async (_, bytes) => {
    await host.sandbox.run(["bash", "-c", `(${bytes}) | timeout 2 socat - UNIX-CONNECT:${host.layout.helperSocket}`]);
    expect(await ask("helper.ping")).toMatchObject({ result: {} });
  });
});
