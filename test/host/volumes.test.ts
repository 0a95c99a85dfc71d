import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { askHelper, type Frame } from "../support/ask-helper.ts";
import { Installation } from "../support/installation.ts";
import { noSandbox } from "../support/sandbox.ts";

const [web, other] = ["00112233445566ff", "ff112233445566ff"];
const [data, more] = ["aa112233445566ff", "bb112233445566ff"];
const directory = "/mnt/tmp/installation";
const volumes = `${directory}/state/volumes`;

/** QEMU stands before its guest's first instruction: these tests run none. */
describe.skipIf(noSandbox)(`a VMM's volumes${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let host: Installation;
  let params: Record<string, unknown>;

  beforeEach(async () => {
    host = await Installation.create({ guest: true });
    await host.startHelper();
    const ids = await host.sandbox.root(`ls ${directory}/state/kernels; ls ${directory}/state/images`);
    const [kernel_id, image_id] = ids.trim().split("\n");
    const given = { kernel_id, image_id, cpus: 1, memory_mib: 128, accel: "tcg", mac: "02:00:11:22:33:44" };
    params = { ...given, generation: 1, network: false };
    for (const id of [web, other]) {
      await host.sandbox.root(`
        mkdir -p ${directory}/state/vms/${id}; cd ${directory}/state/vms/${id}
        qemu-img create -q -f qcow2 root.qcow2 64M; cp ${directory}/state/kernels/${kernel_id}/initrd initrd
        chown -R owner:owner ..`);
    }
    await host.sandbox.root(`
      mkdir ${volumes}; truncate -s 64M ${volumes}/${data}.raw; truncate -s 8G ${volumes}/${more}.raw
      chmod 600 ${volumes}/*; chown -R owner:owner ${volumes}`);
  });
  afterEach(() => host[Symbol.asyncDispose]());

  const start = (vm_id: string, of: readonly string[]): Promise<Frame> =>
    askHelper(host, "vmm.start", { ...params, vm_id, volumes: of });
  const stop = (vm_id: string) => askHelper(host, "vmm.stop", { vm_id, generation: 1 });

  it("are opened for it, and it may write the largest of them whole", async () => {
    const { result, error } = await start(web, [data, more]);
    expect(error).toBeUndefined();
    const pid = String(result?.["pid"]);
    expect(await host.sandbox.root(`readlink /proc/${pid}/fd/* | grep -o '[^/]*[.]raw' | sort -u`)).toBe(
      `${data}.raw\n${more}.raw\n`,
    );
    expect(await host.sandbox.root(`awk '/^Max file size/ { print $(NF - 1) }' /proc/${pid}/limits`)).toBe(
      `${8 * 2 ** 30}\n`,
    );
    await stop(web);
    const holders = `for p in /proc/[0-9]*; do readlink $p/fd/* 2>/dev/null | grep -q '[.]raw' && echo $p; done; true`;
    expect(await host.sandbox.root(holders), "and by nobody afterwards").toBe("");
    expect((await askHelper(host, "host.look")).result).toMatchObject({ most_volumes: 8 });
  });

  it("are one VMM's at a time, whatever a daemon asks for", async () => {
    expect((await start(web, [data])).error).toBeUndefined();
    expect((await start(other, [data])).error).toMatchObject({
      code: "already_exists",
      message: `vmm.start: volume ${data} is VM ${web}'s while that runs`,
    });
    await stop(web);
    expect((await start(other, [data])).error).toBeUndefined();
    await stop(other);
  });

  it.each([
    ["missing", `rm ${volumes}/${data}.raw`, /[.]raw isn't there/],
    ["a link", `cd ${volumes}; mv ${data}.raw real; ln -s real ${data}.raw`, /is a symbolic link/],
    ["a link to the host's", `ln -sf /etc/shadow ${volumes}/${data}.raw`, /is a symbolic link/],
    ["reached by a link", `cd ${directory}/state; mv volumes real; ln -s real volumes`, /volumes is a symbolic link/],
    ["another user's", `chown 61001 ${volumes}/${data}.raw`, /belongs to uid 61001, not to the owner/],
    ["root's", `chown 0 ${volumes}/${data}.raw`, /belongs to uid 0, not to the owner/],
    ["of two names", `ln ${volumes}/${data}.raw ${volumes}/second`, /has a second name/],
    ["a directory", `rm ${volumes}/${data}.raw; mkdir ${volumes}/${data}.raw`, /[.]raw/],
    ["a FIFO", `rm ${volumes}/${data}.raw; mkfifo ${volumes}/${data}.raw`, /is not a regular file/],
    [
      "a device",
      `rm ${volumes}/${data}.raw; cp -a /dev/null ${volumes}/${data}.raw`,
      /[.]raw is not a regular file|[.]raw/,
    ],
  ])("(one that is %s) keep it from being started, and leave nothing", async (_, spoil, words) => {
    await host.sandbox.root(spoil);
    const { error } = await start(web, [more, data]);
    expect(error?.code).toMatch(/^(not_found|bad_content|command_failed)$/);
    expect(error?.message).toMatch(words);
    expect((await askHelper(host, "vmm.list")).result).toMatchObject({ vmms: [], leases: [] });
    expect(await host.sandbox.root(`readlink /proc/${host.helper?.pid}/fd/* | grep -c '[.]raw' || true`)).toBe("0\n");
  });

  it.each([
    ["twice the same", [data, data]],
    ["nine", Array.from({ length: 9 }, (_, index) => `${index}112233445566777`)],
    ["no id", ["../../etc/shadow"]],
  ])("(%s) are refused", async (_, asked) => {
    expect((await start(web, asked)).error).toMatchObject({ code: "bad_params" });
  });
});
