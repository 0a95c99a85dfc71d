import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, it } from "vitest";
import { FailingHost, full, rowMs } from "../support/host-fault.ts";
import { noSandbox } from "../support/sandbox.ts";

/**
 * A btrfs of 1 GiB that gives its owner 256 MiB, as quotas of most other file systems need a kernel built for them:
 *   mkfs.btrfs -m single FILE; mount FILE; btrfs quota enable .; btrfs qgroup limit 256M .
 */
const archive = "/mnt/banger/test/data/btrfs-quota.tar.xz";

const noQuota = /^\tbtrfs$/m.test(readFileSync("/proc/filesystems", "utf8")) ? undefined : "this kernel has no btrfs";
const leftOut = noSandbox ?? noQuota;

describe.skipIf(leftOut)(`an owner whose quota is used up${leftOut ? ` (${leftOut})` : ""}`, () => {
  let failing: FailingHost;
  beforeAll(async () => {
    const mountState = `tar -xJf ${archive} -C /mnt/tmp; mount -o loop /mnt/tmp/quota.img "$STATE"`;
    failing = await FailingHost.create({ mountState });
  });
  afterAll(() => failing[Symbol.asyncDispose]());

  it(
    "is told so at each operation, which leaves nothing and goes on when there is room",
    () =>
      failing.suffers({
        make: "head -c 300M /dev/zero > $STATE/fill 2>/dev/null || true; sync -f $STATE",
        mend: "rm $STATE/fill; sync -f $STATE",
        codes: full,
        says: /quota/,
      }),
    rowMs,
  );
});
