import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { askHelper } from "../support/ask-helper.ts";
import { Installation } from "../support/installation.ts";
import { noSandbox } from "../support/sandbox.ts";

interface Found {
  readonly items: readonly {
    readonly vm_id?: string;
    readonly path?: string;
    readonly found: readonly string[];
    readonly outcome?: string;
    readonly error?: string;
  }[];
}

const vmId = "00112233445566ff";
const tap = { vm_id: vmId, generation: 2, address: "10.77.0.2", mac: "02:00:11:22:33:44" };

describe.skipIf(noSandbox)(`what nobody owns${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let host: Installation;
  let before: string;
  beforeAll(async () => {
    host = await Installation.start();
    await host.ok("network", "up");
    await host.sandbox.root(`install -d -o owner -g owner ${host.file.stateDir}/images ${host.file.stateDir}/scratch`);
    before = await host.hostState();
  });
  afterAll(() => host[Symbol.asyncDispose]());

  const found = async (...flags: string[]) => {
    const answer = await host.banger(["system", "reconcile", ...flags]);
    const { items } = answer.json<Found>();
    return { code: answer.code, items };
  };
  const nothing = { code: 0, items: [] };
  const makeTap = async () => {
    expect((await askHelper(host, "tap.create", tap)).error).toBeUndefined();
  };
  /** As a helper leaves it whose facts were lost. */
  const runDirectory = `
    install -d -m 730 -o owner -g 62003 ${"$HELPER"}/vm/${vmId}; touch ${"$HELPER"}/log/${vmId}.log ${"$HELPER"}/record/${vmId}
    mkfifo ${"$HELPER"}/console/${vmId}`;
  const inPlace = (script: string) =>
    host.sandbox.root(
      `HELPER=${host.file.helperRunDir}; STATE=${host.file.stateDir}; BRIDGE=${host.layout.bridge}; ${script}`,
    );

  it("is nothing on a host that is as it should be", async () => {
    expect(await found()).toEqual(nothing);
    expect((await host.person(["reconcile"])).stdout).toMatch(/^nothing to do; `banger doctor` .*\n$/);
    expect(await host.hostState()).toBe(before);
  });

  it.each<[string, () => Promise<unknown>, string[]]>([
    ["a tap, its pins and its uid", makeTap, ["tap", "uid"]],
    ["a run directory of which nothing is remembered", () => inPlace(runDirectory), ["run directory"]],
    [
      "a log and a record alone",
      () => inPlace(`touch $HELPER/log/${vmId}.log $HELPER/record/${vmId}`),
      ["run directory"],
    ],
    [
      "scratch",
      () => inPlace("install -d -o owner -g owner $STATE/scratch/make-abcdef; touch $STATE/scratch/make-abcdef/tar"),
      ["scratch"],
    ],
  ])("is seen by a dry run and by the doctor, and then removed: %s", async (_, plant, expected) => {
    await plant();
    const planted = await host.hostState();
    expect(planted).not.toBe(before);
    const dry = await found("--dry-run");
    expect(dry.items.map((item) => item.found)).toEqual([expected]);
    const { stdout } = await host.person(["doctor"]);
    expect(stdout).toMatch(/\nwarning {2}leftovers: \S.* has left /);
    expect(await host.hostState()).toBe(planted);
    expect((await found()).items).toEqual(dry.items.map((item) => ({ ...item, outcome: "removed" })));
    expect(await host.hostState()).toBe(before);
    expect(await found()).toEqual(nothing);
  });

  it.each<[string, string, string[]]>([
    ["a VM's directory", `vms/${vmId}`, ["directory"]],
    ["an image's directory", `images/${"ab".repeat(32)}`, ["image"]],
  ])("is left where it may be somebody's only copy, unless its removal is asked for: %s", async (_, path, expected) => {
    await inPlace(`install -d -o owner -g owner $STATE/${path}; touch $STATE/${path}/root.qcow2`);
    const planted = await host.hostState();
    expect((await found("--dry-run")).items).toMatchObject([{ found: expected, action: "none", unowned: true }]);
    const { stdout } = await host.person(["doctor", "--fix"]);
    expect(stdout).toMatch(/\nwarning {2}leftovers: \S.*no record owns it/);
    expect((await found()).items).toMatchObject([{ found: expected, outcome: "left" }]);
    await host.daemon?.end();
    await host.startDaemon();
    expect(await host.hostState()).toBe(planted);
    expect((await found("--remove-unowned")).items).toMatchObject([{ found: expected, outcome: "removed" }]);
    expect(await host.hostState()).toBe(before);
  });

  it("is removed by the doctor too, when it is asked to, which says so", async () => {
    await makeTap();
    const { stdout, code } = await host.person(["doctor", "--fix"]);
    expect(stdout).toMatch(new RegExp(`^removed: tap, uid of vm ${vmId}\n`));
    expect(stdout).toMatch(/\nok {7}leftovers\n/);
    expect(code).toBe(0);
    expect(await host.hostState()).toBe(before);
  });

  it("ends what still runs under the uid of a run directory of which nothing is remembered", async () => {
    await inPlace(`${runDirectory}; setpriv --reuid=62003 --regid=62003 --clear-groups sleep 600 >/dev/null 2>&1 &`);
    expect((await found()).items).toMatchObject([{ vm_id: vmId, found: ["run directory"], outcome: "removed" }]);
    expect(await host.hostState()).toBe(before);
  });

  it.each<[string, string, string]>([
    [
      "a tap that another program made",
      "ip tuntap add tap0 mode tap; ip link set tap0 master $BRIDGE",
      "ip link delete tap0",
    ],
    [
      "a link of another's with an alias like banger's",
      `ip tuntap add other0 mode tap; ip link set other0 alias banger:5eed0001:${vmId}`,
      "ip link delete other0",
    ],
    [
      "a link of another's whose alias names no VM",
      "ip tuntap add bt5eednonsense mode tap; ip link set bt5eednonsense alias banger:5eed0001:nonsense",
      "ip link delete bt5eednonsense",
    ],
    [
      "a tap of another installation's",
      `ip tuntap add bt5ee0011223344 mode tap; ip link set bt5ee0011223344 alias banger:5eed0002:${vmId}`,
      "ip link delete bt5ee0011223344",
    ],
    ["a table of rules of another's", "nft add table inet banger_other", "nft delete table inet banger_other"],
    [
      "directories that no VM's id names",
      "install -d -o owner $STATE/vms/notes $STATE/vms/00112233445566FF $STATE/vms/00112233445566ff.old",
      "rmdir $STATE/vms/*",
    ],
    [
      "a file in scratch and an image's place that banger named otherwise",
      "install -d -o owner $STATE/scratch/mine $STATE/images/mine",
      "rmdir $STATE/scratch/mine $STATE/images/mine",
    ],
    [
      "files of another's beside VMs' in the run directory",
      "mkdir $HELPER/vm/other; touch $HELPER/log/notes",
      "rmdir $HELPER/vm/other; rm $HELPER/log/notes",
    ],
    [
      "a mount of another's",
      "mkdir /mnt/tmp/other; mount -t tmpfs other /mnt/tmp/other",
      "umount /mnt/tmp/other; rmdir /mnt/tmp/other",
    ],
    [
      "a process under a VM's uid",
      "setpriv --reuid=62005 --regid=62005 --clear-groups sleep 601 >/dev/null 2>&1 & echo $! > /mnt/tmp/pid",
      "kill $(cat /mnt/tmp/pid); rm /mnt/tmp/pid",
    ],
  ])("is not %s, which is neither named nor touched, also when a daemon starts", async (_, plant, mend) => {
    await inPlace(plant);
    const planted = await host.hostState();
    expect(await found("--dry-run")).toEqual(nothing);
    expect(await found()).toEqual(nothing);
    await host.daemon?.end();
    await host.startDaemon();
    expect(await host.hostState()).toBe(planted);
    await inPlace(mend);
    expect(await host.hostState()).toBe(before);
  });

  it("is said not to be done where the host refuses, and the rest is done", async () => {
    await inPlace(`
      ip tuntap add ${host.layout.tap(vmId)} mode tap; touch $HELPER/record/${vmId}
      install -d -o owner -g owner $STATE/scratch/make-abcdef`);
    const { code, items } = await found();
    expect(code).toBe(1);
    expect(items).toMatchObject([
      { vm_id: vmId, error: expect.stringContaining("release_tap") as string },
      { found: ["scratch"], outcome: "removed" },
    ]);
    await inPlace(`ip link delete ${host.layout.tap(vmId)}`);
    expect(await found()).toEqual(nothing);
    expect(await host.hostState()).toBe(before);
  });
});
