import { afterAll, beforeAll, describe, it } from "vitest";
import { failed, FailingHost, type Fault, full, limit, rowMs } from "../support/host-fault.ts";
import { noSandbox } from "../support/sandbox.ts";

const readOnly = (name: string) => `mount --bind ${name} ${name}; mount -o remount,bind,ro ${name}`;

describe.skipIf(noSandbox)(`a host that fails${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let failing: FailingHost;
  beforeAll(async () => {
    failing = await FailingHost.create({ stateMib: 256 });
  }, rowMs);
  afterAll(() => failing[Symbol.asyncDispose]());

  it.each<[string, Fault]>([
    [
      "full state directory",
      {
        make: "head -c 300M /dev/zero > $STATE/fill 2>/dev/null || true",
        mend: "rm $STATE/fill",
        codes: full,
        says: /full|No space left/,
      },
    ],
    [
      "state directory without an inode left",
      {
        make: "mount -o remount,nr_inodes=$(df --output=iused $STATE | tail -1 | tr -d ' ') $STATE",
        mend: "mount -o remount,nr_inodes=100000 $STATE",
        codes: full,
        says: /full|No space left/,
      },
    ],
    [
      "state directory that became read-only",
      {
        make: `for part in vms kernels scratch; do ${readOnly("$STATE/$part")}; done`,
        mend: "for part in vms kernels scratch; do umount $STATE/$part; done",
        codes: failed,
        says: /mounted read-only; mount it writable/,
      },
    ],
    [
      "state directory whose modes were changed",
      {
        make: "chmod 500 $STATE/vms $STATE/vms/* $STATE/kernels $STATE/scratch",
        mend: "chmod 700 $STATE/vms $STATE/vms/* $STATE/kernels $STATE/scratch",
        codes: failed,
        says: /permission is denied|may not/,
      },
    ],
    [
      "daemon without a descriptor left but its caller's",
      {
        make: `n=0; while [ -e /proc/$PID/fd/$n ]; do n=$((n + 1)); done; ${limit("nofile=$((n + 1))")}`,
        mend: limit("nofile=1024"),
        codes: failed,
        says: /no descriptor left; raise its limit/,
        restart: true,
      },
    ],
    [
      "owner who may start no process",
      {
        make: limit("nproc=0"),
        mend: limit("nproc=1024"),
        codes: { ...failed, start: undefined, import: "ok" },
        says: /limit of processes is reached; end some/,
      },
    ],
    [
      "limit of a file's size",
      {
        make: limit("fsize=1024"),
        mend: limit("fsize=unlimited"),
        codes: failed,
        says: /limit of a file's size/,
      },
    ],
  ])(
    "with a %s says so at each operation, leaves nothing, and goes on when that is over",
    (_, fault) => failing.suffers(fault),
    rowMs,
  );
});
