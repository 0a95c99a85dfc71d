import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FailingHost, ownEtc, rowMs, unharmed } from "../support/host-fault.ts";
import { noSandbox } from "../support/sandbox.ts";

/** Replaces a file as editors and package managers do: what held the old one open, or mounted it, doesn't see the new one. */
const replaced = (path: string, filter = "cat") => `
  cp -a ${path} ${path}.old; ${filter} < ${path}.old > ${path}.new; chmod 644 ${path}.new; mv ${path}.new ${path}`;
const everywhere = ["/tmp", "/var/tmp", "/dev/shm"];
const tmpfs = (options: string) => everywhere.map((path) => `mount -t tmpfs -o ${options} other ${path}`).join("; ");
const given = everywhere.map((path) => `umount ${path}`).join("; ");

describe.skipIf(noSandbox)(`what a host has for all${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let failing: FailingHost;
  beforeAll(async () => {
    failing = await FailingHost.create({ prepare: ownEtc });
  });
  afterAll(() => failing[Symbol.asyncDispose]());
  const files = ["passwd", "group", "subuid", "subgid", "hosts", "nsswitch.conf", "resolv.conf"];
  const all = (script: (path: string) => string) => files.map((name) => script(`/etc/${name}`)).join("; ");
  const asBefore = all((path) => `mv ${path}.old ${path}`);

  it.each([
    ["the install file is replaced by rename", replaced("$CONFIG"), "mv $CONFIG.old $CONFIG"],
    ["files of /etc are replaced by rename", all((path) => replaced(path)), asBefore],
    ["files of /etc become empty", all((path) => replaced(path, "head -c 0")), asBefore],
    ["files of /etc are gone", all((path) => `mv ${path} ${path}.old`), asBefore],
    ["/tmp may hold no program", tmpfs("noexec"), given],
    ["/tmp is read-only", tmpfs("ro"), given],
    ["/tmp is full", `${tmpfs("size=4k")}; for path in ${everywhere.join(" ")}; do echo > $path/fill; done`, given],
    ["/tmp may be entered by nobody", tmpfs("mode=0"), given],
  ])(
    "%s, and nothing is hindered",
    async (_, make = "", mend = "") => {
      const config = `CONFIG=${failing.host.config}`;
      await failing.suffers({ make: `${config}; ${make}`, mend: `${config}; ${mend}`, codes: unharmed });
    },
    rowMs,
  );

  it(
    "helper and daemon start, and a guest, where there is no directory for what is temporary",
    async () => {
      const { host } = failing;
      await failing.inPlace(tmpfs("ro"));
      await host.helper?.end();
      await host.daemon?.end();
      await host.startHelper();
      await host.startDaemon({ TMPDIR: "/nonexistent" });
      await failing.suffers({ make: ":", mend: ":", codes: unharmed });
      await failing.inPlace(given);
    },
    rowMs,
  );

  it("an install file that became wrong is said to be by every command, and the daemon runs on", async () => {
    const { host } = failing;
    const { config } = host;
    await host.sandbox.root(replaced(config, "sed 's/^subnet.*/subnet = 7/'"));
    for (const argv of [
      ["vm", "ls"],
      ["trace", "ls"],
      ["vm", "exec", "warm", "--", "true"],
    ]) {
      expect((await host.banger(argv)).error().message).toMatch(/install\.toml.*subnet/);
    }
    await host.sandbox.root(`mv ${config}.old ${config}`);
    await host.ok("vm", "exec", "warm", "--", "true");
  });
});
