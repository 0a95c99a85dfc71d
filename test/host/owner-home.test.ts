import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Installation } from "../support/installation.ts";
import { noSandbox } from "../support/sandbox.ts";

describe.skipIf(noSandbox)(`the owner's home${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let host: Installation;
  beforeEach(async () => {
    host = await Installation.create();
    await host.startHelper();
  });
  afterEach(() => host[Symbol.asyncDispose]());

  const filesIn = (directory: string) =>
    host.sandbox.root(`cd ${directory}; find . -type f -printf '%u %m %p\\n' | sort`);
  const homeFindings = async () => {
    const { checks } = await host.ok<{ checks: { name: string; findings: { code: string; message: string }[] }[] }>(
      "doctor",
    );
    return checks.find(({ name }) => name === "home")?.findings;
  };

  it("has what ssh needs, of the owner's alone; the state has what guests are let in by", async () => {
    await host.startDaemon();
    expect(await filesIn("/mnt/tmp/.local/state/banger")).toBe(
      ["id_ed25519", "id_ed25519.pub", "known_hosts", "ssh_config"]
        .map((name) => `owner 600 ./5eed0001/${name}\n`)
        .join(""),
    );
    expect(await filesIn(host.layout.ssh)).toBe("owner 600 ./authorized_keys\n");
    expect(await homeFindings()).toEqual([]);
  });

  it.each<[string, string, RegExp]>([
    ["is mounted read-only", "mount -t tmpfs -o ro home /mnt/home", /read-only.*\(EROFS\)/],
    [
      "is full",
      "mount -t tmpfs -o size=4k,mode=1777 home /mnt/home; head -c 4k /dev/zero > /mnt/home/full",
      /the disk is full/,
    ],
    ["may not be entered", "chmod 700 /mnt/home", /permission is denied.*\(EACCES\)/],
  ])(
    "that %s is said, and the state takes its place until the next start that finds it well",
    async (_, spoil, why) => {
      await host.sandbox.root(`mkdir /mnt/home; ${spoil}`);
      const env = { XDG_STATE_HOME: "/mnt/home/state" };
      const daemon = await host.startDaemon(env);
      expect(await filesIn(host.layout.ssh)).toBe(
        ["authorized_keys", "id_ed25519", "id_ed25519.pub", "known_hosts", "ssh_config"]
          .map((name) => `owner 600 ./${name}\n`)
          .join(""),
      );
      const said = daemon.log.find(({ message }) => message === "the SSH key is not in the owner's home");
      expect(said?.["reason"]).toMatch(why);
      expect(await homeFindings()).toEqual([
        expect.objectContaining({ code: "ssh_key_away", message: expect.stringMatching(why) as string }),
      ]);
      const key = await host.sandbox.root(`cat ${host.layout.ssh}/id_ed25519`);
      await daemon.end();
      await host.sandbox.root("umount /mnt/home || true; chmod 1777 /mnt/home");
      await host.startDaemon(env);
      expect(await host.sandbox.root("cat /mnt/home/state/banger/5eed0001/id_ed25519")).toBe(key);
      expect(await filesIn(host.layout.ssh)).not.toContain("id_ed25519");
      expect(await homeFindings()).toEqual([]);
    },
  );
});
