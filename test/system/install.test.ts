import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SystemStatus } from "../../src/setup/status/status.ts";
import { version } from "../../src/version.ts";
import { makePackage, otherPackage, ownPackage, wholeHost } from "../support/packages.ts";
import { noSandbox, Sandbox } from "../support/sandbox.ts";

// One host, from the first package to the last file gone: each test goes on where the one before it ended.
describe.skipIf(noSandbox)(`a host that systemd runs${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let host: Sandbox;
  let before: string;
  /** A kernel and an image, made once for all tests. */
  let inside: string;
  beforeAll(async () => {
    makePackage();
    const made = execFileSync("scripts/guest-state", { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
    inside = made.replace(process.cwd(), "/mnt/banger");
    host = await Sandbox.boot();
    before = await wholeHost(host);
  }, 300_000);
  afterAll(() => host[Symbol.asyncDispose]());

  const asRoot = (...argv: string[]) => host.run(argv, { as: "root" });
  /** What the owner types, on a host where nothing of the tests' is. */
  const owner = (...argv: string[]) => host.run(["banger", ...argv], { env: { PATH: "/usr/local/bin:/usr/bin:/bin" } });
  const ok = async (ended: Promise<{ code: number | null; stdout: string; stderr: string }>) => {
    const { code, stdout, stderr } = await ended;
    if (code !== 0) throw new Error(`exit ${code}: ${stdout}${stderr}`);
    return stdout;
  };
  const status = async () => JSON.parse((await owner("system", "status", "--json")).stdout) as SystemStatus;
  const vmPid = async () => (await host.root("pgrep -x qemu-system-x86 || true")).trim();

  it("says what to type to whoever may not, or named no owner, and looks without touching", async () => {
    const install = [`${ownPackage}/bin/banger`, "system", "install"];
    const plain = await host.run([...install, "--owner", "owner"]);
    expect(plain).toMatchObject({ code: 77 });
    expect(plain.stderr).toContain(`\`sudo ${ownPackage}/bin/banger system install --owner owner\``);
    const rows: readonly (readonly [string[], string])[] = [
      [[], "owner: nobody is named"],
      [["--owner", "root"], "root can't be it"],
      [["--owner", "daemon"], "one of the system's own users"],
      [["--owner", "nosuch"], 'there is no user "nosuch"'],
    ];
    for (const [flags, text] of rows) expect((await asRoot(...install, ...flags)).stderr).toContain(text);
    // Full, and read-only, each for as long as it is tried.
    const trouble = async (mount: string) => {
      await host.root(`mkdir -p /usr/lib/banger; ${mount}`);
      const refused = await asRoot(...install, "--owner", "owner");
      await host.root("umount /usr/lib/banger; rmdir /usr/lib/banger");
      return refused;
    };
    const full = await trouble("mount -t tmpfs -o size=64M full /usr/lib/banger");
    expect(full).toMatchObject({
      code: 74,
      stderr: expect.stringMatching(/64 MiB free, \d+ MiB are needed/) as string,
    });
    const fixed = await trouble("mount -t tmpfs -o ro fixed /usr/lib/banger");
    expect(fixed).toMatchObject({ code: 73, stderr: expect.stringContaining("mounted read-only") as string });
    const would = await ok(asRoot(...install, "--owner", "owner", "--dry-run"));
    expect(would).toContain("write /etc/systemd/system/bangerd.service");
    expect(await asRoot(`${ownPackage}/bin/banger`, "system", "upgrade")).toMatchObject({ code: 66 });
    expect(await asRoot(`${ownPackage}/bin/banger`, "system", "uninstall")).toMatchObject({ code: 66 });
    expect(await wholeHost(host)).toBe(before);
  });

  it("is as it was after an installation that failed, whose records the journal has", async () => {
    const broken = await otherPackage(host, "0.0.9", 'writeFileSync(root + "/dist/bangerd.cjs", "process.exit(3)");');
    const failed = await asRoot(`${broken}/bin/banger`, "system", "install", "--owner", "owner", "--ready", "1s");
    expect(failed).toMatchObject({ code: 69, stderr: expect.stringContaining("has been undone") as string });
    const [, search = "false"] = /`(journalctl BANGER_OP_ID=op-[0-9a-f]{32})`/.exec(failed.stderr) ?? [];
    const messages = await host.root(`${search} --output=cat | jq --raw-output '.service + ": " + .message'`);
    expect(messages).toContain("banger: operation started\nbanger: operation failed\n");
    await host.root(`rm -r ${broken}`);
    expect(await wholeHost(host)).toBe(before);
  });

  it("is installed once, whatever the umask, and is its owner's without sudo", async () => {
    const install = ["sh", "-c", `umask 077; exec ${ownPackage}/bin/banger system install`];
    const env = { SUDO_USER: "owner" };
    const first = await host.run(install, { as: "root", env });
    expect(first).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`installed: ${version}, for owner`) as string,
    });
    expect((await host.run(install, { as: "root", env })).stdout).toContain("already installed");
    expect(await status()).toMatchObject({
      installed: true,
      version: { on_disk: version, recorded: version, daemon: version, helper: version },
      owner: "owner",
      drift: [],
      troubles: [],
    });
    expect(await owner("status")).toMatchObject({ code: 0, stdout: expect.stringContaining("all is well") as string });
    const { op_id: operation } = await status();
    const trace = await ok(owner("trace", "show", operation ?? ""));
    for (const span of ["banger system install", "step tree", "systemctl daemon-reload", "step record"])
      expect(trace).toContain(span);
    expect(await asRoot("banger", "vm", "ls")).toMatchObject({ code: 77 });
  });

  it("has a VM that runs on while both services start anew", async () => {
    await host.root(`
      systemctl stop bangerd.socket bangerd
      cp -a ${inside}/banger.db /var/lib/banger/
      for part in images kernels; do
        mkdir -p /var/lib/banger/$part; mount --bind ${inside}/$part /var/lib/banger/$part
      done`);
    expect(await status()).toMatchObject({
      troubles: [
        { code: "stopped", hint: expect.stringContaining("system restart") as string },
        { code: "stopped" },
        { code: "no_answer" },
      ],
    });
    await ok(asRoot("banger", "system", "restart"));
    await ok(owner("create", "--name", "web", "--memory", "256M"));
    await ok(owner("start", "web"));
    const pid = await vmPid();
    expect(pid).toMatch(/^\d+$/);
    const done = JSON.parse(await ok(asRoot("banger", "system", "restart", "--json"))) as unknown;
    expect(done).toMatchObject({ version, vms: { before: 1, after: 1 } });
    expect(await vmPid()).toBe(pid);
    expect(await ok(owner("exec", "web", "--", "echo", "on"))).toBe("on\n");
  });

  it("says at once why a daemon that can't start doesn't answer, and waits for one that is slow", async () => {
    const starts = (...lines: string[]) =>
      host.root(`mkdir -p /etc/systemd/system/bangerd.service.d
        printf '%s\n' '[Service]' ${lines.map((line) => `"${line}"`).join(" ")} > /etc/systemd/system/bangerd.service.d/test.conf
        systemctl daemon-reload; systemctl stop bangerd`);
    await starts("ExecStart=", "ExecStart=/bin/sh -c 'echo bangerd: no room; exit 1'");
    const began = performance.now();
    const failed = await owner("ls");
    // Who only waited would have waited for 15 s.
    expect(performance.now() - began).toBeLessThan(8_000);
    expect(failed).toMatchObject({ code: 69 });
    expect(failed.stderr).toMatch(
      /bangerd\.service fails again and again: systemd has started it anew \d+ times; it said last: bangerd: no room \(op-/,
    );
    expect(failed.stderr).toContain("`banger system status`");
    await starts("ExecStartPre=/bin/sleep 3");
    expect(await ok(owner("ls", "-q"))).toBe("web\n");
    await host.root("rm -r /etc/systemd/system/bangerd.service.d; systemctl daemon-reload; systemctl restart bangerd");
  });

  it("says what is masked at run time, with the command that undoes it", async () => {
    const file = "/etc/systemd/system/bangerd.service";
    const masked = async () => (await status()).troubles.filter(({ code }) => code === "masked");
    await host.root("systemctl mask --runtime bangerd.service");
    expect((await masked()).map(({ message }) => message)).toEqual([
      expect.stringMatching(/without effect while .*: bangerd\.service$/),
    ]);
    await host.root(`mv ${file} /root/; systemctl daemon-reload`);
    const [trouble] = await masked();
    expect(trouble?.message).toBe("masked at run time, so that nothing starts it again: bangerd.service");
    const [, undo = "false"] = /`sudo (.+?)`/.exec(trouble?.hint ?? "") ?? [];
    await host.root(`${undo}; mv /root/bangerd.service ${file}; systemctl daemon-reload`);
    expect((await status()).troubles).toEqual([]);
  });

  it("says what was changed by hand, and an install puts it back", async () => {
    await host.root(`
      echo >> /usr/lib/banger/current/dist/bangerd.cjs
      rm /usr/lib/banger/current/guest/build/init /usr/lib/banger/current/deploy/systemd/bangerd.service
      echo '# mine' >> /etc/systemd/system/bangerd.socket
      rm /usr/local/bin/banger`);
    const { drift, troubles } = JSON.parse(
      (await host.run([`${ownPackage}/bin/banger`, "system", "status", "--json"])).stdout,
    ) as SystemStatus;
    expect(drift.map(({ path, what }) => `${what} ${path}`).toSorted()).toEqual([
      "changed /etc/systemd/system/bangerd.socket",
      `changed /usr/lib/banger/${version}/dist/bangerd.cjs`,
      `missing /usr/lib/banger/${version}/deploy/systemd/bangerd.service`,
      `missing /usr/lib/banger/${version}/guest/build/init`,
      "missing /usr/local/bin/banger",
    ]);
    expect(troubles.map(({ code }) => code)).toContain("changed_by_hand");
    await ok(asRoot(`${ownPackage}/bin/banger`, "system", "install"));
    expect(await status()).toMatchObject({
      drift: [],
      troubles: [],
      vmms: [{ vm: "web" }],
    });
  });

  it("is upgraded under the VM", async () => {
    const pid = await vmPid();
    const next = await otherPackage(host, "9.0.0");
    const refused = await asRoot(`${next}/bin/banger`, "system", "install");
    expect(refused).toMatchObject({ code: 73, stderr: expect.stringContaining("system upgrade") as string });
    expect(await ok(asRoot(`${next}/bin/banger`, "system", "upgrade"))).toContain(`${version} to 9.0.0`);
    expect(await status()).toMatchObject({
      version: { on_disk: "9.0.0", recorded: "9.0.0", daemon: "9.0.0", helper: "9.0.0" },
      versions: [version, "9.0.0"],
      troubles: [],
    });
    expect(await vmPid()).toBe(pid);
    expect(await ok(owner("exec", "web", "--", "echo", "on"))).toBe("on\n");
  });

  it("goes back by itself from one that isn't ready, with its store, and says what becomes of a VM that was made since", async () => {
    const pid = await vmPid();
    const broken = await otherPackage(
      host,
      "9.1.0",
      `manifest.schema++;
       writeFileSync(root + "/dist/bangerd.cjs", \`
         const { DatabaseSync } = require("node:sqlite");
         const db = new DatabaseSync("/var/lib/banger/banger.db", { enableForeignKeyConstraints: false });
         db.exec("PRAGMA user_version = \${manifest.schema}");
         db.exec("CREATE TABLE later (x)");
         const vm = db.prepare("SELECT * FROM vms").get();
         Object.assign(vm, { id: "f".repeat(32), name: "since", address: "10.77.0.99", mac: "02:00:00:00:00:99", state: "stopped" });
         db.prepare("INSERT OR IGNORE INTO vms (" + Object.keys(vm) + ") VALUES (" + Object.keys(vm).map(() => "?") + ")").run(...Object.values(vm));
         require("node:fs").mkdirSync("/var/lib/banger/vms/" + vm.id, { recursive: true });
         setInterval(() => {}, 1000);\`);`,
    );
    const failed = await asRoot(`${broken}/bin/banger`, "system", "upgrade", "--ready", "3s");
    expect(failed.stderr).toContain("9.1.0 wasn't ready in 3 s");
    expect(failed.stderr).toContain("what was begun has been undone");
    expect(failed.stderr).toContain("the VM since was made since");
    expect(failed).toMatchObject({ code: 69 });
    expect(await status()).toMatchObject({
      version: { on_disk: "9.0.0", recorded: "9.0.0", daemon: "9.0.0", helper: "9.0.0" },
      versions: [version, "9.0.0"],
      drift: [],
      troubles: [],
    });
    expect(await vmPid()).toBe(pid);
    expect(await ok(owner("exec", "web", "--", "echo", "on"))).toBe("on\n");
    expect(await ok(owner("ls", "-q"))).toBe("web\n");
    expect(await host.root("ls /var/lib/banger/stores/*/vms")).toContain("f".repeat(32));
  });

  it("is removed: not under a VM unless told to, then all of it", async () => {
    const refused = await asRoot("banger", "system", "uninstall");
    expect(refused).toMatchObject({ code: 75, stderr: expect.stringContaining("--stop-vms") as string });
    expect(await asRoot("banger", "system", "uninstall", "--dry-run")).toMatchObject({ code: 75 });
    const would = await ok(asRoot("banger", "system", "uninstall", "--dry-run", "--stop-vms"));
    expect(would).toContain("web");
    await host.root("echo OTEL_SERVICE_NAME=ours > /etc/banger/bangerd.env");
    expect(await asRoot("banger", "system", "uninstall", "--stop-vms", "--purge")).toMatchObject({ code: 64 });
    expect((await status()).troubles).toEqual([]);
    const kept = await ok(asRoot("banger", "system", "uninstall", "--stop-vms"));
    expect(kept).toBe("removed; kept: /var/lib/banger, /etc/banger/bangerd.env\n");
    const settings = await host.root("grep -E '^(id|subnet)' /etc/banger/install.toml.kept");

    // What was kept is taken up again.
    await ok(asRoot(`${ownPackage}/bin/banger`, "system", "install", "--owner", "owner"));
    expect(await host.root("grep -E '^(id|subnet)' /etc/banger/install.toml")).toBe(settings);
    expect(await ok(owner("ls", "-q"))).toBe("web\n");
    await host.root("systemctl stop bangerd.socket bangerd; umount /var/lib/banger/images /var/lib/banger/kernels");
    expect(await ok(asRoot("banger", "system", "uninstall", "--purge", "--force"))).toContain(
      "nothing of banger is left",
    );
    expect(await wholeHost(host)).toBe(before);
  });
});
