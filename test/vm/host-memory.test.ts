import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Codes, FailingHost, type Fault, limit, rowMs, unharmed } from "../support/host-fault.ts";
import { noSandbox } from "../support/sandbox.ts";

/** Node ends itself at the first page that it is refused, which may be in any of them; a program it runs may be refused first. */
const any = expect.stringMatching(/^(ok|host_failed|disconnected|daemon_unavailable)$/) as string;
const dying: Codes = { create: any, start: any, exec: any, import: any, trace: any };
const qemu = "/usr/bin/qemu-system-x86_64";
/** From now on QEMU has so much address space. */
const qemuHas = (kib: number) => `
  [ -e /mnt/real-qemu ] || cp ${qemu} /mnt/real-qemu
  printf '#!/bin/sh\\nulimit -v ${kib}; exec /mnt/real-qemu "$@"\\n' > /mnt/small-qemu; chmod 755 /mnt/small-qemu
  mount --bind /mnt/small-qemu ${qemu}`;

describe.skipIf(noSandbox)(`a host without memory${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let failing: FailingHost;
  beforeAll(async () => {
    failing = await FailingHost.create();
  }, rowMs);
  afterAll(() => failing[Symbol.asyncDispose]());

  it.each<[string, Fault]>([
    [
      // Its VMs run on, and the next daemon finds all as it was.
      "for the daemon",
      {
        make: limit(`data=${16 * 2 ** 20}`),
        mend: ":",
        codes: dying,
        says: /closed the connection|can't connect|temporarily unavailable|memory/,
        restart: true,
      },
    ],
    [
      "for a VMM's translated code",
      {
        make: qemuHas(400_000),
        mend: `umount ${qemu}`,
        codes: { ...unharmed, start: "host_failed" },
        says: /QEMU ended at once: .*Cannot allocate memory/,
      },
    ],
    [
      "for a VMM's libraries",
      {
        make: qemuHas(20_000),
        mend: `umount ${qemu}`,
        codes: { ...unharmed, start: "host_failed" },
        says: /QEMU ended at once: .*failed to map segment/,
      },
    ],
  ])("%s says so at each operation, ends no VM, and leaves nothing", (_, fault) => failing.suffers(fault), rowMs);
});
