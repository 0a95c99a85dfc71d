import { existsSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { askHelper } from "../support/ask-helper.ts";
import { ownEtc } from "../support/host-fault.ts";
import { Installation } from "../support/installation.ts";
import { mustHaveKvm } from "../support/must-have-kvm.ts";
import { noSandbox } from "../support/sandbox.ts";

/** A node of the device, in the sandbox's own place of it. */
const node = (mode: string, owner: string) =>
  `mknod /mnt/kvm c 10 232; chown ${owner} /mnt/kvm; chmod ${mode} /mnt/kvm; mount --bind /mnt/kvm /dev/kvm`;

const noNode = existsSync("/dev/kvm") ? undefined : "needs a /dev/kvm to put others over";
const left = noSandbox ?? noNode;

describe.skipIf(left)(`kvm.probe${left ? ` (${left})` : ""}`, () => {
  let host: Installation;
  beforeEach(async () => {
    host = await Installation.create();
    await host.startHelper();
  });
  afterEach(() => host[Symbol.asyncDispose]());

  const probe = async () => (await askHelper(host, "kvm.probe")).result;

  it.each([
    [
      "is root's alone",
      node("600", "0:0"),
      /^\/dev\/kvm is there, but open: Permission denied \(it is 0600 root:root\)$/,
    ],
    ["is its group's, which is root's", node("660", "0:0"), /open: Permission denied \(it is 0660 root:root\)$/],
    [
      "has an owner whose name can't be read",
      `${ownEtc}; rm /etc/passwd /etc/group; ${node("600", "0:0")}`,
      /open: Permission denied \(it is 0600 0:0\)$/,
    ],
    ["lets its group only read", node("640", "0:61009"), /open: Permission denied \(it is 0640 root:61009\)$/],
    [
      "is another device",
      "mount --bind /dev/null /dev/kvm",
      /KVM_GET_API_VERSION: Not a tty \(it is 0666 root:root\)$/,
    ],
  ])("says why not where the device %s", async (_, prepare, why) => {
    await host.sandbox.root(prepare);
    expect(await probe()).toEqual({ usable: false, why: expect.stringMatching(why) as string });
  });

  it.each([
    ["its group may", node("660", "0:61009")],
    ["anybody may", node("666", "0:0")],
  ])("opens it where %s, asks once, and again when the node is another", async (_, prepare) => {
    await host.sandbox.root(prepare);
    const first = await probe();
    expect(first?.["why"]).not.toContain("open:");
    if (mustHaveKvm) expect(first?.["usable"]).toBe(true);
    // As udev does when a VM is made.
    await host.sandbox.root(`printf '#!/bin/sh\\necho asked again; exit 1\\n' >/mnt/tmp/probe; chmod 755 /mnt/tmp/probe
      mount --bind /mnt/tmp/probe /mnt/banger/dist/kvm-probe; touch /mnt/kvm`);
    expect(await probe()).toEqual(first);
    await host.sandbox.root("umount /mnt/banger/dist/kvm-probe; chmod 600 /mnt/kvm");
    expect(await probe()).toMatchObject({ usable: false, why: expect.stringContaining("Permission denied") as string });
    await host.sandbox.root("chmod 660 /mnt/kvm; chgrp 61009 /mnt/kvm");
    expect(await probe()).toEqual(first);
  });
});
