import { describe, expect, it } from "vitest";
import { askHelper } from "../support/ask-helper.ts";
import { Installation } from "../support/installation.ts";
import { noSandbox } from "../support/sandbox.ts";

const vmId = "00112233445566ff";
const digest = "ab".repeat(32);
const tap = { vm_id: vmId, address: "10.77.0.2", mac: "02:00:11:22:33:44" };
const vmm = { vm_id: vmId, generation: 1, kernel_id: digest, image_id: digest, cpus: 1, memory_mib: 64, accel: "tcg" };
const directory = "/mnt/tmp/installation";
const state = `${directory}/state`;

describe.skipIf(noSandbox)(`the helper's files${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  const complaint = async (host: Installation) =>
    (await host.sandbox.run(["bangerd-root", "--config", `${directory}/install.toml`], { as: "root" })).stderr;

  it("of a VM, spoilt in whatever way, are laid aside, that is said, and the VM is still known by its run directory", async () => {
    const spoils = [
      ["truncated", `head -c 20 "$good" >$f`],
      ["empty", `>$f`],
      ["noise", `head -c 300 /dev/urandom >$f`],
      ["of another VM", `sed s/$id/fedcba9876543210/ "$good" >$f`],
      ["JSON of another kind", `echo '{"vm_id":"$id","uid":"root"}' >$f`],
      ["with root's uid", `echo '{"vm_id":"$id","uid":0}' >$f`],
      ["oversized", `(cat "$good"; head -c 3000000 /dev/zero | tr '\\0' ' ') >$f`],
      ["a directory", `mkdir $f`],
      ["a FIFO", `mkfifo $f`],
      ["a link", `ln -s $good $f`],
      ["of another user", `cp "$good" $f; chown 61000 $f`],
      ["writable by others", `cp "$good" $f; chmod 666 $f`],
    ] as const;
    await using host = await Installation.create();
    const idOf = (index: number) => `00112233445566${16 + index}`;
    const spoilt = spoils.map(([, spoil], index) => {
      const [id, uid] = [idOf(index), 62_000 + index];
      const { directory: sockets } = host.layout.sockets(id);
      return `
        id=${id} f=${host.layout.facts(id)} good=/mnt/tmp/good-${id}; mkdir ${sockets}; chown 61000:${uid} ${sockets}
        echo "{\\"vm_id\\":\\"$id\\",\\"uid\\":${uid}}" >$good; ${spoil}`;
    });
    await host.sandbox.root(`mkdir -p ${host.layout.factsDirectory} ${host.layout.vmSockets}${spoilt.join("")}`);
    const helper = await host.startHelper();
    const said = helper.log.filter(({ message }) => message === "a file of facts is spoilt and was laid aside");
    expect(said.map(({ file }) => String(file)).toSorted((a, b) => a.localeCompare(b))).toEqual(
      spoils
        .map((_, index) => host.layout.facts(idOf(index)))
        .filter((_, index) => spoils[index]?.[0] !== "of another VM"),
    );
    const leases = spoils.map((_, index) => ({ vm_id: idOf(index), uid: 62_000 + index }));
    const listed = (await askHelper(host, "vmm.list")).result as { leases: typeof leases };
    expect(listed.leases.toSorted((a, b) => a.uid - b.uid)).toEqual(leases);
    for (const { vm_id } of leases) await askHelper(host, "vmm.stop", { vm_id, generation: 1 });
    expect(await askHelper(host, "tap.remove", { vm_id: idOf(0) })).toMatchObject({ result: { removed: false } });
    expect(await host.sandbox.root(`ls ${host.layout.vmSockets}`)).toBe("");
  });

  it("of network and uids, spoilt, keep it from nothing; one that goes away is named", async () => {
    await using host = await Installation.create();
    await host.sandbox.root(
      `mkdir -p ${host.layout.factsDirectory}; cd ${host.layout.factsDirectory}; echo [ >network.json; mkdir last-uid.json x.new`,
    );
    await host.startHelper();
    expect(await askHelper(host, "bridge.ensure")).toMatchObject({ result: { created: true } });
    await host.sandbox.root(`rm -r ${host.layout.factsDirectory}`);
    const { error } = await askHelper(host, "tap.create", tap);
    expect(error).toMatchObject({ code: "command_failed" });
    expect(error?.message).toMatch(/facts.*ENOENT.*restart bangerd-root/);
  });

  it.each([
    ["belongs to another", `chown 61000 ${directory}`, /\/mnt\/tmp\/installation belongs to uid 61000.*chown root/],
    [
      "may be written by others",
      `chmod 777 ${directory}`,
      /\/mnt\/tmp\/installation may be written by others \(0777\)/,
    ],
    ["may be written by a group", `chmod 775 ${directory}`, /may be written by others \(0775\)/],
    ["is a link", `mv ${directory} /mnt/tmp/real; ln -s real ${directory}`, /is a symbolic link to real; name what/],
    ["itself is a link", `mkdir /mnt/x; ln -s /mnt/x ${directory}/helper`, /helper is a symbolic link to \/mnt\/x/],
    [
      "itself is the owner's",
      `mkdir ${directory}/helper; chown 61000 ${directory}/helper`,
      /helper belongs to uid 61000/,
    ],
    ["is a file", `echo x >${directory}/helper`, /helper is no directory/],
    [
      "has the owner's directory of sockets",
      `mkdir -p ${directory}/helper/vm; chown 61000 ${directory}/helper/vm`,
      /vm belongs to uid 61000/,
    ],
  ])("lie in no directory that %s", async (_, spoil, why) => {
    await using host = await Installation.create();
    await host.sandbox.root(spoil);
    expect(await complaint(host)).toMatch(why);
  });

  it("of the owner are refused where a hung file system of the owner's could hold it up, at once", async () => {
    await using host = await Installation.create();
    await host.startHelper();
    await askHelper(host, "bridge.ensure");
    await askHelper(host, "nat.ensure");
    // A FUSE server that reads no request: the kernel waits for it, whoever touches the mount.
    const hang = (at: string) => `
      [ -e /mnt/fuse ] || mknod -m 666 /mnt/fuse c 10 229
      mkdir -p ${at}; exec {fuse}<>/mnt/fuse
      mount -i -t fuse -o fd=$fuse,rootmode=40000,user_id=61000,group_id=61000,allow_other hung ${at}
      sleep 1000 >/dev/null 2>&1 &
      `;
    const files = [
      `images/${digest}/root.ext4`,
      `kernels/${digest}/vmlinux`,
      `vms/${vmId}/root.qcow2`,
      `vms/${vmId}/initrd`,
    ];
    await host.sandbox.root(
      `cd ${state}; for f in ${files.join(" ")}; do mkdir -p $(dirname $f); echo x >$f; done; chown -R owner:owner .`,
    );
    for (const at of [`${state}/vms/ffff`, `${state}/kernels/${digest}`]) await host.sandbox.root(hang(at));
    const began = Date.now();
    expect(await askHelper(host, "tap.create", tap)).toMatchObject({ result: { uid: 62_000 } });
    const { error } = await askHelper(host, "vmm.start", { ...vmm, mac: tap.mac });
    expect(error).toMatchObject({ code: "bad_content" });
    expect(error?.message).toMatch(/kernels\/abab\S* is a mount of type fuse, whose server could hold the helper up/);
    await host.sandbox.root(`umount -l ${state}/kernels/${digest}; touch ${state}/vms/${vmId}/x`);
    expect(await askHelper(host, "helper.ping")).toMatchObject({ result: {} });
    expect(Date.now() - began).toBeLessThan(8_000);
    // On the directory of the sockets, which is the owner's while a VM runs.
    const sockets = host.layout.sockets(vmId).directory;
    await host.sandbox.root(`install -d -o owner ${sockets}/a
${hang(`${sockets}/a`)}
${hang(sockets)}`);
    await askHelper(host, "vmm.start", { ...vmm, mac: tap.mac });
    expect(await host.sandbox.root(`grep -c ' fuse ' /proc/mounts; ls ${host.layout.vmSockets}`)).toBe("1\n");
    await askHelper(host, "tap.remove", { vm_id: vmId });
    expect(Date.now() - began).toBeLessThan(12_000);
  });

  it.each([
    ["on a directory in a directory", "mkdir -p a/b/c; mount -t tmpfs x a/b"],
    ["on a file", "touch f /mnt/f; mount --bind /mnt/f f"],
    [
      "on a file far below, more than once",
      "mkdir -p a/b; touch a/b/f /mnt/f; for i in 1 2 3; do mount --bind /mnt/f a/b/f; done",
    ],
    [
      "under a name of odd bytes",
      String.raw`mkdir -p $'\xff/\xc3'; mount -t tmpfs x $'\xff/\xc3'; mount -t tmpfs x $'\xff'`,
    ],
  ])("of a VM's run directory go with whatever is mounted %s", async (_, mounts) => {
    await using host = await Installation.create();
    await host.startHelper();
    await askHelper(host, "bridge.ensure");
    await askHelper(host, "nat.ensure");
    await askHelper(host, "tap.create", tap);
    const files = [`images/${digest}/root.ext4`, `kernels/${digest}/vmlinux`, `vms/${vmId}/root.qcow2`];
    await host.sandbox.root(`
      cd ${state}; for f in ${files.join(" ")} vms/${vmId}/initrd; do mkdir -p $(dirname $f); echo x >$f; done; chown -R owner:owner .
      mkdir ${host.layout.sockets(vmId).directory}; cd ${host.layout.sockets(vmId).directory}; ${mounts}`);
    const { error } = await askHelper(host, "vmm.start", { ...vmm, mac: tap.mac });
    expect(error?.message).toMatch(/QEMU ended at once/);
    expect(
      await host.sandbox.root(`ls ${host.layout.vmSockets}; grep -c ${host.layout.vmSockets} /proc/mounts || true`),
    ).toBe("0\n");
  });

  it.each([
    [
      "leased by a process",
      "EAGAIN",
      `node -e 'require("koffi").load("libc.so.6").func("int fcntl(int, int, long)")(require("fs").openSync("root.qcow2"), 1024, 0); console.log("leased"); setTimeout(Object, 1e6)' >/mnt/leased 2>&1 & until grep -q leased /mnt/leased; do :; done`,
    ],
    ["run as a program", "ETXTBSY", `cp /usr/bin/sleep $f; chmod 755 $f; ./$f 1000 >/dev/null 2>&1 &`],
    ["on a read-only file system", "EROFS", `mount --bind . .; mount -o remount,bind,ro .`],
    ["mounted over", "EXDEV|mount of its own", `touch /mnt/other; mount --bind /mnt/other $f`],
  ])("of the owner are refused in words: a disk that is %s", async (_, code, spoil) => {
    await using host = await Installation.create();
    await host.startHelper();
    await askHelper(host, "bridge.ensure");
    await askHelper(host, "nat.ensure");
    await askHelper(host, "tap.create", tap);
    const files = [
      `images/${digest}/root.ext4`,
      `kernels/${digest}/vmlinux`,
      `vms/${vmId}/root.qcow2`,
      `vms/${vmId}/initrd`,
    ];
    await host.sandbox.root(`
      cd ${state}; for f in ${files.join(" ")}; do mkdir -p $(dirname $f); echo x >$f; done; chown -R owner:owner .
      export NODE_PATH=/mnt/banger/node_modules; cd vms/${vmId}; f=root.qcow2; ${spoil}
      chown owner $f 2>/dev/null || true`);
    const { error } = await askHelper(host, "vmm.start", { ...vmm, mac: tap.mac });
    expect(error).toMatchObject({ code: "bad_content" });
    expect(error?.message).toMatch(new RegExp(code));
    expect(error?.message).toContain(`vms/${vmId}/root.qcow2`);
  });

  describe("give out uids", () => {
    const uid = async (host: Installation, vm_id = vmId, address = tap.address) => {
      const answer = await askHelper(host, "tap.create", {
        ...tap,
        vm_id,
        address,
        mac: `02:00:00:00:00:${vm_id.slice(0, 2)}`,
      });
      return answer.result?.["uid"] ?? answer.error;
    };
    const release = (host: Installation, vm_id = vmId) => askHelper(host, "tap.remove", { vm_id });
    const network = async (host: Installation) => {
      await askHelper(host, "bridge.ensure");
      await askHelper(host, "nat.ensure");
    };

    it("in turn, over a restart too: one given back rests longest", async () => {
      await using host = await Installation.create();
      await host.startHelper();
      await network(host);
      expect(await uid(host)).toBe(62_000);
      await release(host);
      expect(await uid(host)).toBe(62_001);
      await release(host);
      await host.helper?.end("KILL");
      await host.startHelper();
      expect(await uid(host)).toBe(62_002);
    });

    it("that no process, file or user has, and say who has them when none is left", async () => {
      await using host = await Installation.create();
      await host.startHelper();
      await network(host);
      await host.sandbox.root(`
        setpriv --reuid=62000 --clear-groups sleep 1000 >/dev/null 2>&1 &
        mkdir -p ${state}/vms/x ${state}/vms/y; touch ${state}/vms/x/initrd; chown :62001 ${state}/vms/x/initrd; chgrp 62002 ${state}/vms/y
        mkdir ${host.layout.vmSockets}/old; chown :62003 ${host.layout.vmSockets}/old
        echo 'u:x:62004:62005::/:/bin/sh' >>/etc/passwd
        echo 'g:x:62006:' >>/etc/group
        printf '%s\\n' u:62007:2 broken: '' a:b:c >>/etc/subuid
        until pgrep -u 62000 -x sleep >/dev/null; do :; done`);
      const given = [];
      for (let i = 0; i < 7; i++) given.push(await uid(host, `${10 + i}00000000000000`, `10.77.0.${10 + i}`));
      expect(given).toEqual([62_009, 62_010, 62_011, 62_012, 62_013, 62_014, 62_015]);
      expect(await uid(host)).toMatchObject({
        code: "no_space",
        message: expect.stringMatching(
          /none of the 16 uids from 62000 on is free for VM \w+: (?=.*\b1 a process's)(?=.*\b3 a file's)(?=.*\b5 a user's).*\b7 a VM's/,
        ) as string,
      });
    });

    it("also beside more files than are looked at: those of others hide none, too many directories are refused", async () => {
      await using host = await Installation.create();
      await host.startHelper();
      await network(host);
      await host.sandbox.root(`
        mkdir -p ${state}/vms/a ${state}/vms/b; cd ${state}/vms/a; touch {1..20100}
        cd ../b; touch initrd; chown :62000 initrd`);
      expect(await uid(host)).toBe(62_001);
      await release(host);
      await host.sandbox.root(`cd ${state}/vms; mkdir {1..20100}`);
      expect(await uid(host)).toMatchObject({
        code: "command_failed",
        message: expect.stringMatching(/state\/vms holds more than 20000 entries/) as string,
      });
    });

    it.each([
      [3, "3 of the 16", 62_003],
      [65_536, "16 of the 16", { code: "no_space", message: expect.stringContaining("16 a user's") as string }],
    ])("although %d of the range became a user's: it starts and warns", async (count, says, given) => {
      await using host = await Installation.create();
      await host.sandbox.root(`echo new:62000:${count} >>/etc/subuid`);
      const helper = await host.startHelper();
      expect(helper.log).toContainEqual(expect.objectContaining({ warning: expect.stringContaining(says) as string }));
      await network(host);
      const got = await uid(host);
      if (typeof given === "number") expect(got).toBe(given);
      else expect(got).toMatchObject(given);
    });
  });
});
