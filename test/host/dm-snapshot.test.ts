import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { snapshotFile } from "../../src/installation/snapshot-file.ts";
import { askHelper } from "../support/ask-helper.ts";
import { noDeviceMapper } from "../support/device-mapper.ts";
import { Installation } from "../support/installation.ts";
import { noSandbox } from "../support/sandbox.ts";

const vmId = "00112233445566ff";
const digest = "ab".repeat(32);
const mib = 2 ** 20;
const [imageMib, diskMib, stateMib] = [8, 24, 64];

describe.skipIf(noDeviceMapper)(`a snapshot disk${noDeviceMapper ? ` (${noDeviceMapper})` : ""}`, () => {
  let host: Installation;
  let before: string;
  beforeEach(async () => {
    host = await Installation.create({ stateMib });
    const image = host.layout.image(digest);
    const { directory, rootDisk } = host.layout.vm(vmId);
    const { storeBytes, tailBytes } = snapshotFile(imageMib * mib, diskMib * mib);
    await host.sandbox.root(`
      mkdir -p ${directory} $(dirname ${image})
      (yes picture || true) | head -c ${imageMib}M > ${image}
      truncate -s ${storeBytes + tailBytes} ${rootDisk.snapshot}
      chown -R owner:owner ${host.file.stateDir}`);
    await host.startHelper();
    before = await state();
  });
  afterEach(async () => {
    // Devices are the whole host's: a sandbox doesn't end them.
    await detach(99);
    await host[Symbol.asyncDispose]();
  });

  /** Which uid was given out last isn't undone. */
  const state = async () => (await host.hostState()).replace(/^.*last-uid.json\n?/m, "");
  const attach = (generation = 1, more: object = {}) =>
    askHelper(host, "disk.attach", { vm_id: vmId, generation, image_id: digest, disk_mib: diskMib, ...more });
  const detach = (generation = 1) => askHelper(host, "disk.detach", { vm_id: vmId, generation });
  const listed = async () => (await askHelper(host, "vmm.list")).result?.["disks"];
  /** The device's node has its minor in its name; links by name are udev's, which may be away. */
  const inDevice = (script: string) =>
    host.sandbox.root(`for dm in /sys/block/dm-*; do
      if [ "$(cat $dm/dm/uuid)" = ${host.layout.diskDevice(vmId).uuid} ]; then dev=/dev/$(basename $dm); fi
    done; ${script}`);
  const write = (text: string, atMib: number) =>
    inDevice(
      `(yes ${text} || true) | head -c 1M | dd of=$dev bs=1M seek=${atMib} conv=notrunc oflag=direct iflag=fullblock 2>&1`,
    );
  const read = async (atMib: number) =>
    (
      await inDevice(`dd if=$dev bs=1M skip=${atMib} count=1 iflag=direct 2>/dev/null | head -c 7 | tr '\\0' 0 || true`)
    ).trim();

  it("has the image's bytes and zeros behind them, keeps what is written, and leaves the image as it was", async () => {
    expect(await attach()).toMatchObject({ result: { mended: false } });
    expect(await listed()).toEqual([{ vm_id: vmId, generation: 1 }]);
    expect(await inDevice("blockdev --getsize64 $dev")).toBe(`${diskMib * mib}\n`);
    expect([await read(0), await read(imageMib - 1), await read(imageMib), await read(diskMib - 1)]).toEqual([
      "picture",
      "picture",
      "0000000",
      "0000000",
    ]);
    await write("written", 0);
    await write("another", diskMib - 1);
    expect(await attach()).toMatchObject({ result: { mended: false } });
    expect(await detach()).toMatchObject({ result: { removed: true } });
    expect(await state()).toBe(before);
    await attach(2);
    expect([await read(0), await read(1), await read(diskMib - 1)]).toEqual(["written", "picture", "another"]);
    expect(
      await host.sandbox.root(`(yes picture || true) | head -c ${imageMib}M | cmp - ${host.layout.image(digest)}`),
    ).toBe("");
    expect(await detach(1)).toMatchObject({ error: { code: "wrong_state" } });
    expect(await attach(1)).toMatchObject({ error: { code: "wrong_state" } });
    await detach(2);
    expect(await detach(2)).toMatchObject({ result: { removed: false } });
    expect(await state()).toBe(before);
  });

  it("takes space as it is written, and gives back what is discarded", async () => {
    await attach();
    const used = async () =>
      Number(await host.sandbox.root(`stat -c %b ${host.layout.vm(vmId).rootDisk.snapshot}`)) / 2048;
    expect(await used()).toBeLessThan(1);
    await write("written", 0);
    await write("another", imageMib + 1);
    expect(await used()).toBeGreaterThan(1.9);
    await inDevice(`blkdiscard -o 0 -l ${mib} $dev; blkdiscard -o ${(imageMib + 1) * mib} -l ${mib} $dev`);
    expect(await used()).toBeLessThan(1);
  });

  it("grows under whoever has it open, and never shrinks", async () => {
    await attach();
    await write("written", 2);
    const larger = diskMib + 8;
    expect(await attach(1, { disk_mib: larger })).toMatchObject({ error: { code: "bad_content" } });
    const { storeBytes, tailBytes } = snapshotFile(imageMib * mib, larger * mib);
    const grown = await inDevice(`exec 3<>$dev
      truncate -s ${storeBytes + tailBytes} ${host.layout.vm(vmId).rootDisk.snapshot}; echo $dev`);
    expect(await attach(1, { disk_mib: larger })).toMatchObject({ result: { mended: false } });
    expect(await attach(1)).toMatchObject({ result: { mended: false } });
    expect(await host.sandbox.root(`blockdev --getsize64 ${grown.trim()}`)).toBe(`${larger * mib}\n`);
    await write("follows", larger - 1);
    await write("follows", 3);
    expect([await read(2), await read(3), await read(larger - 1)]).toEqual(["written", "follows", "follows"]);
  });

  it("that the kernel gave up for want of room is mended under whoever has it open, and has all that was acknowledged", async () => {
    await attach();
    await write("written", 0);
    await write("another", imageMib);
    await host.sandbox.root(`head -c 1G /dev/zero > ${host.file.stateDir}/fill 2>/dev/null || true`);
    // One chunk after the other: some may still find room.
    const failed = await inDevice(
      `exec 3<>$dev; (yes dropped || true) | head -c 4M | dd of=$dev bs=4k seek=256 conv=notrunc oflag=direct iflag=fullblock 2>&1 || echo failed`,
    );
    expect(failed).toMatch(/error[^]*failed/);
    expect(await inDevice("dmsetup status $dev")).toMatch(/snapshot Invalid/);
    await host.sandbox.root(`rm ${host.file.stateDir}/fill`);
    expect(await attach()).toMatchObject({ result: { mended: true } });
    expect(await attach()).toMatchObject({ result: { mended: false } });
    expect([await read(0), await read(imageMib), await read(6)]).toEqual(["written", "another", "picture"]);
    await write("freshly", 2);
    await detach();
    await attach(2);
    expect([await read(0), await read(2), await read(imageMib)]).toEqual(["written", "freshly", "another"]);
  });

  it("that the kernel gave up is mended at the next start too", async () => {
    await attach();
    await write("written", 0);
    await host.sandbox.root(`head -c 1G /dev/zero > ${host.file.stateDir}/fill 2>/dev/null || true`);
    await inDevice(`dd if=/dev/urandom of=$dev bs=1M count=4 seek=1 conv=notrunc oflag=direct 2>&1 || true`);
    await detach();
    await host.sandbox.root(`rm ${host.file.stateDir}/fill`);
    expect(await attach(2)).toMatchObject({ result: { mended: true } });
    expect([await read(0), await read(7)]).toEqual(["written", "picture"]);
  });

  it("is not removed while somebody has it open", async () => {
    await attach();
    const holder = host.sandbox.spawn(["bash", "-c", await inDevice("echo exec 3\\<$dev\\; echo open\\; read -r _")], {
      as: "root",
    });
    await new Promise((resolve) => void holder.stdout?.once("data", resolve));
    expect(await detach()).toMatchObject({ error: { code: "in_use" } });
    holder.stdin?.end("\n");
    await new Promise((resolve) => void holder.once("close", resolve));
    expect(await detach()).toMatchObject({ result: { removed: true } });
  });

  it.each([
    ["no table", "dmsetup create NAME --uuid UUID --notable"],
    ["an interim table", "echo 0 49152 error | dmsetup create NAME --uuid UUID"],
    [
      "a table that was not put in place",
      "dmsetup create NAME --uuid UUID --notable; echo 0 49152 error | dmsetup load NAME",
    ],
  ])("that a helper which was killed left with %s is found, taken away, and made anew", async (_, make) => {
    const { name, uuid } = host.layout.diskDevice(vmId);
    const left = make.replaceAll("NAME", name).replaceAll("UUID", uuid);
    await host.sandbox.root(left);
    expect(await listed()).toEqual([{ vm_id: vmId }]);
    expect(await detach()).toMatchObject({ result: { removed: true } });
    expect(await state()).toBe(before);
    await host.sandbox.root(left);
    expect(await attach()).toMatchObject({ result: { mended: false } });
    expect(await read(0)).toBe("picture");
  });

  it.each([
    ["at once", "true"],
    ["when the device is there", "dmsetup info NAME"],
    ["when the device has a table", "ls /sys/block/dm-*"],
  ])(
    "whose helper is killed in the midst of attaching, %s, leaves nothing that the next one doesn't find",
    async (_, when) => {
      const { name } = host.layout.diskDevice(vmId);
      const asking = attach().catch(() => undefined);
      await host.sandbox.root(
        `until ${when.replace("NAME", name)} >/dev/null 2>&1; do :; done; kill -9 ${host.helper?.pid}`,
      );
      await Promise.all([asking, host.helper?.ended]);
      await host.startHelper();
      expect(((await listed()) as unknown[]).length).toBeLessThanOrEqual(1);
      await detach(1);
      expect(await listed()).toEqual([]);
      expect(await state()).toBe(before);
    },
  );

  it("acts on no device of somebody else's, whatever it is called, and on no loop device of the same file", async () => {
    const { name } = host.layout.diskDevice(vmId);
    const { snapshot } = host.layout.vm(vmId).rootDisk;
    const loop = (await host.sandbox.root(`losetup --show -f ${snapshot}`)).trim();
    await host.sandbox.root(`echo 0 8 error | dmsetup create ${name} --uuid SOMEBODY-else`);
    const foreign = await state();
    try {
      expect(await attach()).toMatchObject({ error: { code: "already_exists" } });
      expect(await detach()).toMatchObject({ result: { removed: false } });
      expect(await listed()).toEqual([]);
      expect(await state()).toBe(foreign);
      await host.sandbox.root(`dmsetup remove ${name}`);
      expect(await attach()).toMatchObject({ result: { mended: false } });
      await detach();
      expect(await host.sandbox.root(`losetup --noheadings -O NAME,BACK-FILE ${loop}`)).toContain(snapshot);
    } finally {
      await host.sandbox.root(`dmsetup remove ${name} 2>/dev/null || true; losetup -d ${loop}`);
    }
    expect(await state()).toBe(before);
  });

  it.each([
    ["no image", "rm IMAGE", "not_found"],
    ["an image that is a link", "mv IMAGE IMAGE.own; ln -s root.ext4.own IMAGE", "bad_content"],
    ["an image of half a sector", "truncate -s 1000 IMAGE", "bad_content"],
    ["an image that is larger than the disk", `truncate -s ${diskMib + 1}M IMAGE`, "bad_content"],
    ["no file", "rm OWN", "not_found"],
    ["a file that is too short", "truncate -s 12M OWN", "bad_content"],
    ["a file of root's", "chown root OWN", "bad_content"],
    ["a file that begins with something else", "echo something | dd of=OWN conv=notrunc 2>/dev/null", "bad_content"],
  ])("with %s is refused, and leaves nothing", async (_, spoil, code) => {
    const { snapshot } = host.layout.vm(vmId).rootDisk;
    await host.sandbox.root(spoil.replaceAll("IMAGE", host.layout.image(digest)).replaceAll("OWN", snapshot));
    const spoilt = await state();
    expect(await attach()).toMatchObject({ error: { code } });
    expect(await state()).toBe(spoilt);
  });

  it("is what the helper says can be made", async () => {
    expect(await askHelper(host, "disk.probe")).toMatchObject({ result: { usable: true } });
  });

  it("can't be made where there is no loop device, as in a container, and the helper says so", async () => {
    await host.sandbox.root(`mkdir /mnt/dev; cp -a /dev/null /dev/urandom /dev/loop-control /dev/mapper /mnt/dev
      mount --bind /mnt/dev /dev`);
    expect(await askHelper(host, "disk.probe")).toMatchObject({
      result: { usable: false, why: expect.stringMatching(/^the kernel has no \/dev\/loop\d+ \(ENOENT\)$/) as string },
    });
    await host.sandbox.root("umount /dev");
  });
});

describe.skipIf(noSandbox || noDeviceMapper === undefined)("where the kernel has no device-mapper", () => {
  it("the helper says so, and removes and lists what isn't there", async () => {
    await using host = await Installation.create();
    await host.startHelper();
    expect(await askHelper(host, "disk.probe")).toMatchObject({
      result: { usable: false, why: "the kernel has no /dev/mapper/control (ENOENT)" },
    });
    const before = await host.hostState();
    expect(await askHelper(host, "disk.detach", { vm_id: vmId, generation: 1 })).toMatchObject({
      result: { removed: false },
    });
    expect((await askHelper(host, "vmm.list")).result).toMatchObject({ disks: [] });
    expect(await host.hostState()).toBe(before);
  });
});
