import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { statusText } from "../../../src/cli/system/status-text.ts";
import { formatInstallFile, type Installation } from "../../../src/installation/install-file.ts";
import { lockHolder } from "../../../src/installation/lock-holder.ts";
import type { SetupDeps } from "../../../src/setup/deps.ts";
import { type InstallOptions, install } from "../../../src/setup/install/install.ts";
import { restart } from "../../../src/setup/service/restart.ts";
import { systemStatus } from "../../../src/setup/status/status.ts";
import { schemaOf } from "../../../src/setup/install/store-copy.ts";
import { uninstall } from "../../../src/setup/uninstall/uninstall.ts";
import { upgrade } from "../../../src/setup/install/upgrade.ts";
import { type Faults, owner, scriptedHost } from "../../support/scripted-systemd.ts";
import { tinyPackage } from "../../support/tiny-package.ts";

/** What has to be on a host before anything is installed, and directories that every host has. */
const atFirst = [
  "/usr/bin/qemu-system-x86_64",
  "/usr/share/qemu/qboot.rom",
  "/usr/bin/qemu-img",
  "/sbin/mke2fs",
  "/usr/bin/setpriv",
  "/usr/bin/tar",
  "/usr/bin/ssh",
  "/run/systemd/system/x",
  "/etc/systemd/system/x",
  "/etc/tmpfiles.d/x",
  "/usr/lib/x",
  "/usr/local/bin/x",
  "/proc/x",
  "/var/lib/x",
];

let directory: string;
let root: string;
let first: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "banger-setup-"));
  chmodSync(directory, 0o755);
  root = join(directory, "root");
  makeRoot();
  first = tinyPackage(join(directory, "first"), "1.0.0");
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const options = { owner: owner.name, sudoUser: undefined, dryRun: false };
const sure = async () => true;
const host = (pack = first, faults: Faults = {}) => scriptedHost(root, pack, faults);
const installFirst = () => install(host(), options);
const next = (version: string, more = {}) => tinyPackage(join(directory, version), version, more);

function makeRoot(): void {
  for (const path of atFirst) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), "");
  }
  mkdirSync(join(root, "home", owner.name), { recursive: true });
  chownSync(join(root, "home", owner.name), owner.uid, owner.gid);
}

/** Writes an install file first, as an operator does who wants it otherwise. */
function choose(settings: Partial<Installation>): void {
  const usual = { stateDir: "/var/lib/banger", runDir: "/run/banger", helperRunDir: "/run/banger-root" };
  const network = { subnet: "10.9.0.0/24", uidFirst: 70_000, uidCount: 8, resolvers: [], zone: "vm" };
  const own = { id: "0badcafe", ownerUid: owner.uid, ownerGid: owner.gid, ...usual, ...network, ...settings };
  mkdirSync(join(root, "etc/banger"));
  writeFileSync(join(root, "etc/banger/install.toml"), formatInstallFile(own));
}

/** All that is on the host: paths with what they are; of systemd what is enabled and active. */
function wholeRoot(): string[] {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true }).map((entry) => {
    const path = join(entry.parentPath, entry.name);
    const { mode, uid } = lstatSync(path);
    const what = entry.isSymbolicLink()
      ? readlinkSync(path)
      : entry.isFile() && !path.endsWith("/systemd.json")
        ? readFileSync(path, "utf8")
        : "";
    // A fresh id for each installation.
    return `${path.slice(root.length)} ${(mode & 0o777).toString(8)} ${uid === 0 ? 0 : "user"} ${what.replace(/^id = .*/m, "id")}`;
  });
  const file = join(root, "systemd.json");
  const { enabled, active, daemon } = existsSync(file)
    ? (JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>)
    : {};
  const running = (daemon as { version?: string } | undefined)?.version ?? "nothing";
  const lists = [enabled ?? [], active ?? []].map((list) => (list as string[]).toSorted().join(" "));
  // Whoever is killed at his very end leaves the name of a lock that nobody holds any more.
  const others = entries.filter((line) => !/^\/(systemd\.json|run\/banger-setup\.lock) /.test(line));
  return [...others.toSorted(), ...lists, running];
}

describe("an installation", () => {
  it("is made once, and found made the second time", async () => {
    expect(await installFirst()).toMatchObject({
      version: "1.0.0",
      owner: "alice",
      changed: true,
      subnet: "10.77.0.0/24",
    });
    const made = wholeRoot();
    expect(await installFirst()).toMatchObject({ changed: false });
    expect(wholeRoot()).toEqual(made);
    expect(await systemStatus(host())).toMatchObject({ installed: true, troubles: [], drift: [], owner: "alice" });
    expect(await restart(host(), { daemon: false, helper: false })).toMatchObject({ version: "1.0.0" });
  });

  it("puts back what keeps it from being asked, or from starting with the host, and status says that", async () => {
    await installFirst();
    rmSync(join(root, "run/banger/bangerd.sock"));
    await host().systemd.disable(["bangerd.socket", "bangerd.service"]);
    const { sockets, troubles } = await systemStatus(host());
    expect(sockets.map(({ there }) => there)).toEqual([false, true]);
    expect(troubles.map(({ code }) => code)).toEqual(["not_enabled"]);
    await restart(host(), { daemon: true, helper: false });
    expect(existsSync(join(root, "run/banger/bangerd.sock"))).toBe(true);
    expect(await installFirst()).toMatchObject({ changed: true });
    expect((await systemStatus(host())).troubles).toEqual([]);
  });

  it.each([
    [
      "fails again and again",
      { ActiveState: "activating", SubState: "auto-restart", Result: "exit-code", NRestarts: "7" },
      "failing",
      /bangerd\.service fails again and again: systemd has started it anew 7 times; it said last: bangerd: no room$/,
    ],
    [
      "is being started",
      { ActiveState: "activating", SubState: "start", Result: "success" },
      "starting",
      /is activating/,
    ],
    [
      "was given up",
      { ActiveState: "failed", Result: "start-limit-hit", NRestarts: "5" },
      "failed",
      /is failed \(start-limit-hit\); it said last: bangerd: no room$/,
    ],
    ["was stopped", { ActiveState: "inactive", Result: "success" }, "stopped", /bangerd\.service is inactive$/],
    [
      "is masked until the host starts anew, and down",
      { ActiveState: "inactive", UnitFileState: "masked-runtime" },
      "masked",
      /bangerd\.service is inactive and masked at run time$/,
    ],
    [
      "is masked until the host starts anew, and runs",
      { ActiveState: "active", UnitFileState: "masked-runtime" },
      "masked",
      /^masked at run time, so that nothing starts it again: bangerd\.service$/,
    ],
    [
      "is masked for good",
      { ActiveState: "inactive", UnitFileState: "masked" },
      "masked",
      /bangerd\.service is inactive and masked$/,
    ],
    [
      "is masked for good, and runs",
      { ActiveState: "active", UnitFileState: "masked" },
      "masked",
      /^masked, so that nothing starts it again: bangerd\.service$/,
    ],
  ])("has a status that tells a daemon that %s from others", async (_, daemonUnit, code, message) => {
    await installFirst();
    const [trouble] = (await systemStatus(host(first, { daemonUnit, journal: "bangerd: no room\n" }))).troubles;
    expect(trouble).toMatchObject({ code, message: expect.stringMatching(message) as string });
  });

  it("has a status that says how to unmask what was masked at run time, and what that does while a file goes first", async () => {
    await installFirst();
    const mask = (more = {}) => systemStatus(host(first, { daemonUnit: { UnitFileState: "masked-runtime", ...more } }));
    const undo = "`sudo systemctl unmask --runtime bangerd.service`";
    for (const { troubles } of [await mask(), await mask({ ActiveState: "inactive" })])
      expect(troubles).toEqual([
        expect.objectContaining({ code: "masked", hint: expect.stringContaining(undo) as string }),
      ]);
    mkdirSync(join(root, "run/systemd/system"), { recursive: true });
    symlinkSync("/dev/null", join(root, "run/systemd/system/bangerd.service"));
    expect((await systemStatus(host())).troubles).toEqual([
      {
        code: "masked",
        message: "masked at run time, without effect while /etc/systemd/system has it: bangerd.service",
        hint: `${undo} undoes that.`,
      },
    ]);
  });

  it("puts back the file of a unit that was stopped and removed, where the daemon has to be stopped first too", async () => {
    await installFirst();
    await host().systemd.stop(["bangerd.socket", "bangerd.service"]);
    rmSync(join(root, "etc/systemd/system/bangerd.socket"));
    rmSync(join(root, "home/alice/.local"), { recursive: true });
    expect(await installFirst()).toMatchObject({ changed: true });
    expect((await systemStatus(host())).troubles).toEqual([]);
  });

  it("lets one command at a time change it, and none that was killed keep the next one", async () => {
    const ended = await Promise.allSettled([installFirst(), installFirst()]);
    expect(ended.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    expect(ended[1]).toMatchObject({ reason: { code: "busy", message: expect.stringContaining("pid") as string } });
    const lock = join(root, "run/banger-setup.lock");
    writeFileSync(lock, "1\n");
    expect(await installFirst()).toMatchObject({ changed: false });
    expect(existsSync(lock)).toBe(false);
  });

  it("leaves no draft of another version, whose installation was cut off", async () => {
    for (const name of [".new-0.9.0/dist", ".old-0.8.0"])
      mkdirSync(join(root, "usr/lib/banger", name), { recursive: true });
    await installFirst();
    expect(readdirSync(join(root, "usr/lib/banger")).toSorted()).toEqual(["1.0.0", "current"]);
  });

  it("shows what it would do, and does nothing", async () => {
    const before = wholeRoot();
    const { would } = await install(host(), { ...options, dryRun: true });
    expect(would).toContain(`let ${root}/usr/lib/banger/current lead to 1.0.0`);
    expect(wholeRoot()).toEqual(before);
  });

  it("is undone when Ctrl-C comes, and says so", async () => {
    const before = wholeRoot();
    const abort = new AbortController();
    const deps = {
      ...host(),
      signal: abort.signal,
      tell: ({ step, phase }: { step: string; phase: string }) =>
        void (step === "links" && phase === "completed" && abort.abort(new Error("enough"))),
    };
    await expect(install(deps, options)).rejects.toThrow("what was begun has been undone");
    expect(wholeRoot()).toEqual(before);
  });

  const failures: readonly (readonly [string, Faults, RegExp])[] = [
    ["directories", { program: ["systemd-tmpfiles", "--create"] }, /step directories failed.*made to fail.*undone/],
    ["copying", { program: ["sync", "--file-system"] }, /step tree failed.*undone/],
    ["enabling", { program: ["systemctl", "enable"] }, /step services failed.*undone/],
    ["starting", { program: ["systemctl", "restart"] }, /step services failed.*undone/],
  ];
  it.each(failures)("leaves nothing where %s fails", async (_, faults, text) => {
    const before = wholeRoot();
    await expect(install(host(first, faults), options)).rejects.toThrow(text);
    expect(wholeRoot()).toEqual(before);
  });

  it.each(failures)(
    "leaves no directory above those that an operator chose where %s fails",
    async (_, faults, text) => {
      choose({ stateDir: "/var/lib/a/b/vms", runDir: "/run/a/b", helperRunDir: "/run/a/c" });
      const before = wholeRoot();
      await expect(install(host(first, faults), options)).rejects.toThrow(text);
      expect(wholeRoot()).toEqual(before);
    },
  );

  it.runIf(process.getuid?.() === 0)(
    "removes a state in the owner's home, where it fails, with his rights alone",
    async () => {
      choose({ stateDir: "/home/alice/vms" });
      const before = wholeRoot();
      const deps = host(first, { program: ["systemctl", "enable"] });
      const asOwner: string[] = [];
      const run: SetupDeps["run"] = (program, args) => {
        if (program.endsWith("/setpriv")) asOwner.push(args.join(" "));
        return deps.run(program, args);
      };
      await expect(install({ ...deps, run }, options)).rejects.toThrow("undone");
      expect(asOwner).toEqual([expect.stringMatching(/^--reuid=61000 .* \/usr\/bin\/rm .*\/home\/alice\/vms$/)]);
      expect(wholeRoot()).toEqual(before);
    },
  );

  it("leaves nothing of one that is never ready, nor of a damaged package", async () => {
    const before = wholeRoot();
    await expect(install(host(next("1.1.0", { broken: true })), options)).rejects.toMatchObject({ code: "not_ready" });
    expect(wholeRoot()).toEqual(before);
    writeFileSync(join(first, "dist/bangerd.cjs"), "// other\n");
    await expect(installFirst()).rejects.toMatchObject({
      code: "bad_content",
      message: expect.stringContaining("dist/bangerd.cjs isn't what") as string,
    });
    expect(wholeRoot()).toEqual(before);
  });
});

/** What the daemon keeps in its owner's home; says where. */
function keepKeyInHome(): string {
  const [, id = ""] = /^id = "(.*)"/m.exec(readFileSync(join(root, "etc/banger/install.toml"), "utf8")) ?? [];
  const path = join(root, "home/alice/.local/state/banger", id);
  mkdirSync(path);
  writeFileSync(join(path, "key"), "");
  chownSync(path, owner.uid, owner.gid);
  return path;
}

describe("the owner's home", () => {
  const path = () => join(root, "home/alice/.local/state/banger");

  it("has a directory for the daemon, made with the owner's rights, and only where that can be", async () => {
    await installFirst();
    const { mode, uid } = lstatSync(path());
    expect([mode & 0o777, uid]).toEqual([0o700, owner.uid]);
  });

  /** What keeps it from being made where the home is his: that is said. */
  const rows: readonly (readonly [string, () => void, RegExp | undefined])[] = [
    ["isn't there", () => rmSync(join(root, "home"), { recursive: true }), undefined],
    ["is somebody else's", () => chownSync(join(root, "home/alice"), 1_999, 1_999), undefined],
    ["has a file in the way", () => writeFileSync(join(root, "home/alice/.local"), ""), /ENOTDIR/],
    [
      "leads to where the owner may not write",
      () => symlinkSync(join(root, "proc"), join(root, "home/alice/.local")),
      /EACCES/,
    ],
    ["may not be written", () => chmodSync(join(root, "home/alice"), 0o500), /EACCES/],
  ];
  it.runIf(process.getuid?.() === 0).each(rows)("that %s keeps nobody from installing, once", async (_, plant, why) => {
    plant();
    const before = wholeRoot().filter((line) => line.startsWith("/home"));
    for (const changed of [true, false]) {
      const deps = host();
      expect(await install(deps, options)).toMatchObject({ changed });
      expect(deps.notes).toEqual(why === undefined ? [] : [expect.stringMatching(why)]);
    }
    expect(wholeRoot().filter((line) => line.startsWith("/home"))).toEqual(before);
    expect(existsSync(join(root, "proc/state"))).toBe(false);
    await uninstall(host(), { stopVms: false, purge: true, dryRun: false, sure });
    expect(wholeRoot().filter((line) => line.startsWith("/home"))).toEqual(before);
  });
});

describe("a directory in the owner's home that is gone, or was never made", () => {
  const path = () => join(root, "home/alice/.local/state/banger");
  const daemon = () =>
    (JSON.parse(readFileSync(join(root, "systemd.json"), "utf8")) as { daemon?: { pid: number } }).daemon?.pid;

  // Which directories it may write, is settled when it is started.
  it("is made by the next installation, which starts the daemon anew", async () => {
    await installFirst();
    const before = daemon();
    rmSync(path(), { recursive: true });
    const { would } = await install(host(), { ...options, dryRun: true });
    expect(would).toContain(`make ${path()}`);
    expect(would?.at(-1)).toMatch(/^restart bangerd\.service/);
    await installFirst();
    expect(existsSync(path())).toBe(true);
    expect(daemon()).toBeGreaterThan(before ?? Infinity);
    expect(await installFirst()).toMatchObject({ changed: false });
  });

  it.each(["hold", "home"].flatMap((step) => ["started", "completed"].map((phase) => [step, phase] as const)))(
    "has the daemon started anew by the one after that, too, where it was cut off with %s %s",
    async (step, phase) => {
      await installFirst();
      const before = daemon();
      rmSync(path(), { recursive: true });
      const program = ["test/support/setup-until.ts", root, first, "install", step, phase];
      expect(spawnSync("node", program, { stdio: ["ignore", "ignore", "inherit"] }).signal).toBe("SIGKILL");
      await installFirst();
      expect(existsSync(path())).toBe(true);
      expect(daemon()).toBeGreaterThan(before ?? Infinity);
    },
  );

  it("is undone with the daemon running, where Ctrl-C comes", async () => {
    await installFirst();
    rmSync(path(), { recursive: true });
    const abort = new AbortController();
    const deps = {
      ...host(),
      signal: abort.signal,
      tell: ({ step, phase }: { step: string; phase: string }) =>
        void (step === "home" && phase === "completed" && abort.abort(new Error("enough"))),
    };
    await expect(install(deps, options)).rejects.toThrow("enough");
    expect(existsSync(path())).toBe(false);
    expect(daemon()).toBeGreaterThan(0);
  });
});

describe("a package whose templates were changed", () => {
  const change = (pack: string) =>
    writeFileSync(join(pack, "deploy/systemd/bangerd-root.service"), "[Service]\nExecStart=/bin/other\n");

  it("is refused before any of them is root's service", async () => {
    await installFirst();
    const before = wholeRoot();
    const second = next("1.1.0");
    for (const pack of [first, second]) change(pack);
    const refused = {
      code: "bad_content",
      message: expect.stringContaining("bangerd-root.service isn't what") as string,
    };
    await expect(installFirst()).rejects.toMatchObject(refused);
    await expect(upgrade(host(second), { dryRun: false })).rejects.toMatchObject(refused);
    expect(wholeRoot()).toEqual(before);
  });
});

describe("cut off by SIGKILL", () => {
  const commands: readonly (readonly [command: string, steps: readonly string[]])[] = [
    ["install", ["tree", "install-file", "units", "directories", "home", "links", "services", "record"]],
    ["upgrade", ["tree", "hold", "links", "services", "record"]],
    ["uninstall", ["services", "units", "run-directories", "state", "home", "command", "install-file", "tree"]],
  ];
  const rows = commands.flatMap(([command, steps]) =>
    steps.flatMap((step) => ["started", "completed"].map((phase) => [command, step, phase] as const)),
  );

  it.each(rows)("%s, with %s %s, is gone on with by the same command", async (command, step, phase) => {
    if (command !== "install") await installFirst();
    const pack = command === "upgrade" ? next("1.1.0") : first;
    const program = ["test/support/setup-until.ts", root, pack, command, step, phase];
    expect(spawnSync("node", program, { stdio: ["ignore", "ignore", "inherit"] }).signal).toBe("SIGKILL");
    if (command === "install") await installFirst();
    else if (command === "upgrade") await upgrade(host(pack), { dryRun: false });
    else if (existsSync(join(root, "usr/lib/banger")))
      await uninstall(host(), { stopVms: false, purge: true, dryRun: false, sure });
    const found = wholeRoot();

    // As if nothing had happened.
    rmSync(root, { recursive: true });
    makeRoot();
    await installFirst();
    if (command === "upgrade") await upgrade(host(pack), { dryRun: false });
    if (command === "uninstall") await uninstall(host(), { stopVms: false, purge: true, dryRun: false, sure });
    expect(found).toEqual(wholeRoot());
  });
});

describe("cut off by SIGKILL at any change in the owner's home", () => {
  const home = () => join(root, "home/alice");
  const own = (path: string) => {
    mkdirSync(join(home(), path));
    chownSync(join(home(), path), owner.uid, owner.gid);
  };
  const homes: readonly (readonly [string, readonly string[]])[] = [
    ["in which nothing was", []],
    ["with an empty directory of his", [".local"]],
  ];
  const purge = async () => uninstall(host(), { stopVms: false, purge: true, dryRun: false, sure });
  /** True where it came to that change. */
  const isKilled = (command: string, change: number) => {
    const program = [
      "--import",
      "./test/support/kill-at-change.ts",
      "test/support/setup-until.ts",
      root,
      first,
      command,
    ];
    const env = { ...process.env, KILL_BELOW: home(), KILL_AT: String(change) };
    return spawnSync("node", program, { env, stdio: ["ignore", "ignore", "inherit"] }).signal === "SIGKILL";
  };
  const ends: readonly (readonly [string, "install" | "uninstall", () => Promise<unknown>])[] = [
    ["an installation that is gone on with", "install", async () => void (await installFirst(), await purge())],
    ["an installation that is removed", "install", purge],
    ["a removal that is gone on with", "uninstall", purge],
  ];
  const rows = homes.flatMap(([which, paths]) => ends.map(([what, ...end]) => [what, which, paths, ...end] as const));

  it.each(rows)("%s leaves a home %s as it was", { timeout: 60_000 }, async (_, __, paths, command, goOn) => {
    for (let change = 1; ; change++) {
      rmSync(root, { recursive: true });
      makeRoot();
      for (const path of paths) own(path);
      const before = wholeRoot().filter((line) => line.startsWith("/home"));
      if (command === "uninstall") {
        await installFirst();
        keepKeyInHome();
      }
      const killed = isKilled(command, change);
      if (command === "install" || existsSync(join(root, "usr/lib/banger"))) await goOn();
      const found = wholeRoot().filter((line) => line.startsWith("/home"));
      expect(found, `killed at change ${change}`).toEqual(before);
      if (!killed) return expect(change).toBeGreaterThan(2);
    }
  });
});

describe("an upgrade to a broken version, cut off by SIGKILL and called again", () => {
  const state = () => join(root, "var/lib/banger");
  const identity = { ownerUid: owner.uid, ownerGid: owner.gid };
  /** As a daemon of that schema leaves its store. */
  const migrate = (schema: number) => {
    const path = join(state(), "banger.db");
    const opened = new DatabaseSync(path);
    opened.exec(`CREATE TABLE IF NOT EXISTS vms (id TEXT, name TEXT); PRAGMA user_version = ${schema}`);
    opened.close();
    if (process.getuid?.() === 0) chownSync(path, owner.uid, owner.gid);
  };
  const cutOff = (pack: string, step: string, phase: string) =>
    expect(
      spawnSync("node", ["test/support/setup-until.ts", root, pack, "upgrade", step, phase], {
        stdio: ["ignore", "ignore", "inherit"],
      }).signal,
    ).toBe("SIGKILL");
  const broken = { broken: true, slice: "# of 1.1.0\n" };
  /** The tree of a version that was there before stays at hand. */
  const withoutTree = () => wholeRoot().filter((line) => !line.startsWith("/usr/lib/banger/1.1.0"));

  const moments = ["tree", "hold", "units", "links", "services"].flatMap((step) =>
    ["started", "completed"]
      .map((phase) => [step, phase] as const)
      .filter((row) => row.join() !== "services,completed"),
  );
  it.each(moments)("with %s %s, ends with the version of before, which answers", async (step, phase) => {
    await installFirst();
    const before = withoutTree();
    const pack = next("1.1.0", broken);
    cutOff(pack, step, phase);
    await expect(upgrade(host(pack), { dryRun: false })).rejects.toThrow("what was begun has been undone");
    expect(withoutTree()).toEqual(before);
  });

  it("has a status that dates what is installed, and not what was begun", async () => {
    await installFirst();
    cutOff(next("1.1.0"), "services", "started");
    const text = statusText(await systemStatus(host()));
    expect(text).toMatch(/^installed +1\.0\.0, for alice, 2026-03-01T10:00:00\.000Z\nbegun +1\.1\.0$/m);
    await upgrade(host(join(directory, "1.1.0")), { dryRun: false });
    expect(statusText(await systemStatus(host()))).toMatch(/^installed +1\.1\.0, for alice, .*\nat hand +1\.0\.0$/m);
  });

  it("ends with a store that the version of before reads", async () => {
    await installFirst();
    migrate(1);
    const pack = next("1.1.0", { ...broken, schema: 2 });
    cutOff(pack, "services", "started");
    migrate(2);
    await expect(upgrade(host(pack), { dryRun: false })).rejects.toThrow("what was begun has been undone");
    expect(schemaOf(state(), identity)).toBe(1);
  });

  it("goes back by the package of before too, store and all", async () => {
    await installFirst();
    migrate(1);
    cutOff(next("1.1.0", { schema: 2 }), "services", "started");
    migrate(2);
    await upgrade(host(), { dryRun: false });
    expect(schemaOf(state(), identity)).toBe(1);
    expect(await systemStatus(host())).toMatchObject({ version: { on_disk: "1.0.0", daemon: "1.0.0" }, troubles: [] });
  });
});

describe("an upgrade", () => {
  it("changes over, keeps the version of before, and goes back as it came", async () => {
    await installFirst();
    const second = next("1.1.0");
    expect(await upgrade(host(second), { dryRun: false })).toMatchObject({
      from: "1.0.0",
      version: "1.1.0",
      changed: true,
    });
    expect(await systemStatus(host(second))).toMatchObject({ versions: ["1.0.0", "1.1.0"], troubles: [] });
    expect(await upgrade(host(first), { dryRun: false })).toMatchObject({ from: "1.1.0", version: "1.0.0" });
    expect(await upgrade(host(next("1.2.0")), { dryRun: false })).toMatchObject({ from: "1.0.0" });
    expect(readdirSync(join(root, "usr/lib/banger")).toSorted()).toEqual(["1.0.0", "1.2.0", "current"]);
  });

  it("goes back by itself from what isn't ready, and is refused where nothing is installed", async () => {
    await expect(upgrade(host(), { dryRun: false })).rejects.toMatchObject({ code: "not_found" });
    await installFirst();
    const before = wholeRoot();
    const deps = host(next("1.1.0", { broken: true, schema: 2 }));
    await expect(upgrade(deps, { dryRun: false })).rejects.toThrow(
      /1.1.0 wasn't ready in 0.3 s.*what was begun has been undone/,
    );
    expect(deps.notes).toContain("1.0.0 runs again");
    expect(wholeRoot()).toEqual(before);
  });
});

describe("what is refused, with nothing changed", () => {
  const put = (path: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), "");
  };
  const rows: readonly (readonly [
    string,
    () => { faults?: Faults; given?: Partial<InstallOptions> } | void,
    string,
    RegExp,
  ])[] = [
    ["no owner", () => ({ given: { owner: undefined } }), "usage", /nobody is named/],
    ["root, by sudo of root's", () => ({ given: { owner: undefined, sudoUser: "root" } }), "usage", /root can't be it/],
    [
      "a user of the system's",
      () => ({ given: { owner: "daemon" } }),
      "usage",
      /daemon \(uid 1\) is one of the system's/,
    ],
    ["nobody", () => ({ given: { owner: "nobody" } }), "usage", /nobody/],
    ["a user that isn't", () => ({ given: { owner: "no; rm" } }), "usage", /there is no user/],
    [
      "no systemd",
      () => rmSync(join(root, "run/systemd"), { recursive: true }),
      "not_ready",
      /systemd doesn't run this host/,
    ],
    [
      "an old systemd",
      () => ({ faults: { systemd: "systemd 247 (247)\n" } }),
      "not_ready",
      /systemd 247 is older than 250/,
    ],
    [
      "missing programs",
      () => ([rmSync(join(root, atFirst[0] ?? "")), rmSync(join(root, "sbin/mke2fs"))].length === 0 ? {} : {}),
      "not_ready",
      /qemu-system-x86_64, \/sbin\/mke2fs/,
    ],
    [
      "no QEMU, with a Firecracker and no KVM for it",
      () => (put("/usr/local/bin/firecracker"), rmSync(join(root, atFirst[0] ?? ""))),
      "not_ready",
      /^missing: \/usr\/bin\/qemu-system-x86_64$/,
    ],
    ["a file for a directory", () => put("/usr/lib/banger"), "already_exists", /usr\/lib\/banger is no directory/],
    [
      "a link for a directory",
      () => symlinkSync("/nowhere", join(root, "usr/lib/banger")),
      "already_exists",
      /usr\/lib\/banger is a link/,
    ],
    ["a directory for a link", () => put("/usr/lib/banger/current/x"), "already_exists", /current is no link/],
    [
      "another command of that name",
      () => put("/usr/local/bin/banger"),
      "already_exists",
      /local\/bin\/banger is another program/,
    ],
    [
      "a state of another's",
      () => (
        mkdirSync(join(root, "var/lib/banger")),
        chownSync(join(root, "var/lib/banger"), process.getuid?.() === 0 ? 1_999 : -1, -1)
      ),
      "already_exists",
      /belongs to uid/,
    ],
    [
      "a state in a directory that isn't there, in one that isn't root's",
      () => choose({ stateDir: "/home/alice/a/b/vms" }),
      "not_ready",
      /home\/alice\/a\/b isn't there, and \S*\/home\/alice isn't root's/,
    ],
    [
      "an install file that can't be read",
      () => put("/etc/banger/install.toml"),
      "bad_content",
      /install.toml: id: missing/,
    ],
  ];
  it.each(rows.filter(([name]) => process.getuid?.() === 0 || !name.startsWith("a state ")))(
    "%s",
    async (_, prepare, code, text) => {
      const { faults, given } = prepare() ?? {};
      const before = wholeRoot();
      const refused = install(host(first, faults), { ...options, ...given });
      await expect(refused).rejects.toMatchObject({ code, message: expect.stringMatching(text) as string });
      expect(wholeRoot()).toEqual(before);
    },
  );

  it("no QEMU, but not where Firecracker has KVM", async () => {
    for (const path of ["/usr/bin/firecracker", "/dev/kvm"]) put(path);
    for (const path of atFirst.slice(0, 2)) rmSync(join(root, path));
    expect(await installFirst()).toMatchObject({ version: "1.0.0" });
  });

  it("another owner, another version, a daemon that was started by hand", async () => {
    await installFirst();
    const before = wholeRoot();
    await expect(install(host(), { ...options, owner: "bob" })).rejects.toMatchObject({ code: "already_exists" });
    await expect(install(host(next("1.1.0")), options)).rejects.toMatchObject({
      code: "already_exists",
      details: { hint: expect.stringContaining("system upgrade") as string },
    });
    const byHand: SetupDeps = {
      ...host(),
      daemonOf: (...asked) => ({
        ...host().daemonOf(...asked),
        ping: async () => ({ version: "1.0.0", pid: 7, helperVersion: "1.0.0" }),
      }),
    };
    const refused = (hint: string) => ({
      code: "in_use",
      message: expect.stringContaining("pid 7") as string,
      details: { hint },
    });
    await expect(install(byHand, options)).rejects.toMatchObject(refused("End it: `sudo kill 7`; VMs run on."));
    expect(wholeRoot()).toEqual(before);

    const lock = join(root, "run/banger-root/lock");
    writeFileSync(lock, "");
    const held = spawn("flock", [lock, "cat"], { stdio: ["pipe", "ignore", "inherit"] });
    try {
      const pid = await vi.waitUntil(() => lockHolder(lock));
      await expect(install(byHand, options)).rejects.toMatchObject(
        refused(`End it, and its helper: \`sudo kill 7 ${pid}\`; VMs run on.`),
      );
    } finally {
      held.stdin.end();
    }
  });
});

describe("a restart", () => {
  it("waits for no daemon that hangs once Ctrl-C came", async () => {
    await installFirst();
    const abort = new AbortController();
    const asked = Promise.withResolvers<void>();
    let pings = 0;
    const deps: SetupDeps = {
      ...host(),
      signal: abort.signal,
      daemonOf: (...given) => ({
        ...host().daemonOf(...given),
        ping: () => {
          if (++pings === 1) return Promise.reject(new Error("none yet"));
          asked.resolve();
          return new Promise(() => undefined);
        },
      }),
    };
    const restarted = restart(deps, { daemon: false, helper: false });
    await asked.promise;
    abort.abort(new Error("enough"));
    await expect(restarted).rejects.toThrow("enough");
  });

  it.each(["never starts", "isn't started anew"] as const)("fails where the helper %s", async (helper) => {
    await installFirst();
    await expect(restart(host(first, { helper }), { daemon: false, helper: true })).rejects.toMatchObject({
      code: "not_ready",
      message: expect.stringContaining("bangerd-root.service hasn't started anew") as string,
    });
    expect(await restart(host(), { daemon: false, helper: true })).toMatchObject({ version: "1.0.0" });
  });
});

describe("a removal of the network", () => {
  const removal = { stopVms: false, purge: true, dryRun: false, sure };

  it("names the rules that are left where neither helper nor program could remove them", async () => {
    await installFirst();
    const deps: SetupDeps = {
      ...host(first, { table: true }),
      daemonOf: (...given) => ({
        ...host().daemonOf(...given),
        networkDown: () => Promise.reject(new Error("no helper")),
      }),
    };
    await expect(uninstall(deps, removal)).rejects.toThrow(/can't remove table inet banger\S*: nft says no/);
    expect(existsSync(join(root, "etc/banger/install.toml"))).toBe(true);
    await uninstall(host(), removal);
  });
});

describe("a removal under VMs", () => {
  const removal = { stopVms: true, purge: false, dryRun: false, sure };
  /** A process of a VMM's uid, as the kernel would show it. */
  const show = (pid: number) => {
    mkdirSync(join(root, `proc/${pid}`), { recursive: true });
    chownSync(join(root, `proc/${pid}`), 60_706, 60_706);
    writeFileSync(join(root, `proc/${pid}/cmdline`), "qemu\0-name\0process=banger:abc\0");
  };
  /** None has this number (pid_max is 4194304 at most). */
  const nobodys = 5_000_000;

  it.runIf(process.getuid?.() === 0).each(["running", "starting", "stopping"])(
    "stops one that is %s in order, where the daemon is slow to say which there are",
    async (state) => {
      await installFirst();
      show(nobodys);
      const vms = async () => [{ id: "abc", name: "web", state }];
      const deps: SetupDeps = {
        ...host(),
        daemonOf: (...given) => ({
          ...host().daemonOf(...given),
          vms: () => Promise.reject(new Error("no answer in 2 s")),
          vmsToStop: vms,
          stopVm: async () => rmSync(join(root, `proc/${nobodys}`), { recursive: true }),
        }),
      };
      const notes: string[] = [];
      await uninstall({ ...deps, note: (text) => notes.push(text) }, removal);
      expect(notes).toEqual([]);
    },
  );

  it.runIf(process.getuid?.() === 0)("fails, and keeps what is left manageable, where one doesn't end", async () => {
    await installFirst();
    show(nobodys);
    await expect(uninstall(host(), removal)).rejects.toThrow(`still there after SIGKILL: abc (pid ${nobodys})`);
    expect(existsSync(join(root, "etc/banger/install.toml"))).toBe(true);
  });
});

describe("a removal", () => {
  it("takes all of it, or leaves the state with its settings for the next installation", async () => {
    const before = wholeRoot();
    await installFirst();
    const kept = keepKeyInHome();
    const settings = readFileSync(join(root, "etc/banger/install.toml"), "utf8");
    expect(await uninstall(host(), { stopVms: false, purge: false, dryRun: false, sure })).toEqual({
      removed: true,
      kept: [join(root, "var/lib/banger")],
    });
    expect(existsSync(kept)).toBe(true);
    await installFirst();
    expect(readFileSync(join(root, "etc/banger/install.toml"), "utf8")).toBe(settings);
    const asked: string[] = [];
    const ask = async (question: string) => asked.push(question) > 1;
    expect(await uninstall(host(), { stopVms: false, purge: true, dryRun: false, sure: ask })).toMatchObject({
      removed: false,
    });
    expect(await uninstall(host(), { stopVms: false, purge: true, dryRun: false, sure: ask })).toMatchObject({
      removed: true,
      kept: [],
    });
    expect(asked[0]).toContain("with all VMs, volumes, images and kernels");
    rmSync(join(root, "systemd.json"));
    expect(wholeRoot()).toEqual(before);
  });

  it("leaves an operator's own directories and uids to the next installation", async () => {
    choose({ stateDir: "/var/lib/vms", runDir: "/run/vms", helperRunDir: "/run/vms-root" });
    await installFirst();
    const settings = readFileSync(join(root, "etc/banger/install.toml"), "utf8");
    await uninstall(host(), { stopVms: false, purge: false, dryRun: false, sure });
    await installFirst();
    expect(readFileSync(join(root, "etc/banger/install.toml"), "utf8")).toBe(settings);
    expect(existsSync(join(root, "var/lib/banger"))).toBe(false);
  });

  it.each([
    ["bangerd.socket", "sockets.target.wants"],
    ["bangerd.service", "multi-user.target.wants"],
    ["bangerd-root.service", undefined],
    ["banger.slice", undefined],
  ])("goes on where somebody has stopped %s and removed its file", async (unit, links) => {
    const units = join(root, "etc/systemd/system");
    if (links !== undefined) mkdirSync(join(units, links));
    const before = wholeRoot();
    await installFirst();
    await host().systemd.stop([unit]);
    rmSync(join(units, unit));
    if (links !== undefined) symlinkSync(`/etc/systemd/system/${unit}`, join(units, links, unit));
    await uninstall(host(), { stopVms: false, purge: true, dryRun: false, sure });
    rmSync(join(root, "systemd.json"));
    expect(wholeRoot()).toEqual(before);
  });

  it.runIf(process.getuid?.() === 0)("takes directories that were named by way of a link of root's", async () => {
    symlinkSync("../run", join(root, "var/run"));
    const before = wholeRoot();
    choose({ runDir: "/var/run/a/vms" });
    await installFirst();
    await uninstall(host(), { stopVms: false, purge: true, dryRun: false, sure });
    rmSync(join(root, "systemd.json"));
    rmSync(join(root, "run/a"), { recursive: true });
    expect(wholeRoot()).toEqual(before);
  });

  it("leaves the operator's environments, which a purge takes, also where the rest is removed already", async () => {
    const before = wholeRoot();
    await installFirst();
    keepKeyInHome();
    const environments = ["bangerd.env", "bangerd-root.env"].map((name) => join(root, "etc/banger", name));
    for (const path of environments) writeFileSync(path, "");
    const state = join(root, "var/lib/banger");
    expect(await uninstall(host(), { stopVms: false, purge: false, dryRun: false, sure })).toEqual({
      removed: true,
      kept: [state, ...environments],
    });
    await expect(uninstall(host(), { stopVms: false, purge: false, dryRun: false, sure })).rejects.toMatchObject({
      code: "not_found",
      details: { hint: `\`--purge\` removes what was kept: ${[state, ...environments].join(", ")}` },
    });
    const asked: string[] = [];
    const ask = async (question: string) => asked.push(question) > 0;
    expect(await uninstall(host(), { stopVms: false, purge: true, dryRun: false, sure: ask })).toEqual({
      removed: true,
      kept: [],
    });
    expect(asked).toEqual([expect.stringContaining(`${state} (`)]);
    rmSync(join(root, "systemd.json"));
    expect(wholeRoot()).toEqual(before);
  });

  it("leaves no settings where a purged state is a file system of its own, and stays", async () => {
    await installFirst();
    const state = join(root, "var/lib/banger");
    const deps = host();
    const mounted: SetupDeps = {
      ...deps,
      run: (program, args) =>
        args.includes(state) ? Promise.resolve({ code: 0, stdout: "", stderr: "" }) : deps.run(program, args),
    };
    await uninstall(mounted, { stopVms: false, purge: true, dryRun: false, sure });
    expect(existsSync(state)).toBe(true);
    expect(existsSync(join(root, "etc/banger"))).toBe(false);
  });

  it("takes nothing else from the owner's home", async () => {
    const state = join(root, "home/alice/.local/state");
    mkdirSync(join(state, "banger/other"), { recursive: true });
    writeFileSync(join(state, "mine"), "");
    chownSync(join(state, "banger"), owner.uid, owner.gid);
    const before = wholeRoot();
    await installFirst();
    keepKeyInHome();
    await uninstall(host(), { stopVms: false, purge: true, dryRun: false, sure });
    rmSync(join(root, "systemd.json"));
    expect(wholeRoot()).toEqual(before);
  });

  it("lets the next installation take nothing about the network from what the owner can write", async () => {
    await installFirst();
    const settings = readFileSync(join(root, "etc/banger/install.toml"), "utf8");
    await uninstall(host(), { stopVms: false, purge: false, dryRun: false, sure });
    const changed = settings.replace(/^subnet = .*/m, 'subnet = "192.168.1.0/24"');
    writeFileSync(
      join(root, "var/lib/banger/install.toml.kept"),
      `${changed.trimEnd()}\nzone = "com"\nresolvers = "192.0.2.1"\n`,
    );
    expect(await installFirst()).toMatchObject({ subnet: "10.77.0.0/24" });
    expect(readFileSync(join(root, "etc/banger/install.toml"), "utf8")).toBe(settings);
    expect(lstatSync(join(root, "etc/banger/install.toml.kept")).uid).toBe(process.getuid?.());
  });

  it("leaves no settings to whoever installs after the state is gone", async () => {
    await installFirst();
    const idOf = () => /^id = .*/m.exec(readFileSync(join(root, "etc/banger/install.toml"), "utf8"))?.[0];
    const id = idOf();
    await uninstall(host(), { stopVms: false, purge: false, dryRun: false, sure });
    rmSync(join(root, "var/lib/banger"), { recursive: true });
    await installFirst();
    expect(idOf()).not.toBe(id);
  });
});
