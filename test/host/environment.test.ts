import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fakeKernel } from "../support/fake-kernel.ts";
import { Installation } from "../support/installation.ts";
import { noSandbox } from "../support/sandbox.ts";

const leftOut = noSandbox ? ` (${noSandbox})` : "";

describe.skipIf(noSandbox)(`a program of banger's${leftOut}`, () => {
  let host: Installation;
  beforeAll(async () => {
    host = await Installation.create();
    await host.startHelper();
    await host.sandbox.root(`
      mkdir /mnt/tmp/gone /mnt/tmp/link-target; chown owner /mnt/tmp/gone
      ln -s ${host.config} /mnt/tmp/link.toml; cp ${host.config} /mnt/tmp/open.toml; chmod 666 /mnt/tmp/open.toml
      cp ${host.config} /mnt/tmp/owners.toml; chown owner /mnt/tmp/owners.toml
      sed 's#${host.file.stateDir}#/mnt/tmp/linked#' ${host.config} >/mnt/tmp/linked.toml
      install -d -o owner -m 700 /mnt/tmp/real; ln -s real /mnt/tmp/linked
      sed 's#${host.file.stateDir}#/mnt/tmp/roots#' ${host.config} >/mnt/tmp/roots.toml; mkdir -m 777 /mnt/tmp/roots
      sed 's#${host.file.stateDir}#/mnt/nowhere/state#' ${host.config} >/mnt/tmp/nowhere.toml
      sed 's#${host.file.stateDir}#/proc/x/state#' ${host.config} >/mnt/tmp/proc.toml
      sed 's#${host.file.stateDir}#/mnt/ro/state#' ${host.config} >/mnt/tmp/ro.toml
      mkdir -p /mnt/ro/state; chown owner /mnt/ro/state; mount --bind /mnt/ro /mnt/ro; mount -o remount,bind,ro /mnt/ro
      sed 's#uid_first = 62000#uid_first = 60990#' ${host.config} >/mnt/tmp/overlap.toml`);
  });
  afterAll(() => host[Symbol.asyncDispose]());

  it.each([
    [
      "bangerd",
      "owner",
      ["nonsense"],
      {},
      /^bangerd: there is no argument "nonsense"; `bangerd --help` shows what is accepted\n$/,
    ],
    ["bangerd", "owner", ["--confg", "x"], {}, /^bangerd: there is no flag --confg; /],
    ["bangerd-root", "root", ["--config"], {}, /^bangerd-root: --config needs a value; /],
    ["bangerd-root", "root", ["--help=x"], {}, /^bangerd-root: --help takes no value; /],
    ["bangerd", "owner", ["--config", "/nope"], {}, /\/nope: there is no such file; write one/],
    ["bangerd", "owner", [], { BANGER_CONFIG: "" }, /\/etc\/banger\/install.toml: there is no such file/],
    ["bangerd", "owner", [], { BANGER_CONFIG: "/etc" }, /\/etc: is a directory; name the file itself/],
    ["bangerd", "owner", [], { BANGER_LOG_LEVEL: "nonsense" }, /BANGER_LOG_LEVEL: "nonsense" is not a log level/],
    ["bangerd", "root", [], {}, /runs as the owner \(uid 61000\), not as uid 0; become that user/],
    [
      "bangerd",
      "owner",
      ["--config", "/mnt/tmp/linked.toml"],
      {},
      /state_dir: .* is a symbolic link to \/mnt\/tmp\/real/,
    ],
    ["bangerd", "owner", ["--config", "/mnt/tmp/roots.toml"], {}, /state_dir: .* belongs to uid 0, not to the owner/],
    ["bangerd", "owner", ["--config", "/mnt/tmp/nowhere.toml"], {}, /state_dir: .* may not be entered or written/],
    ["bangerd", "owner", ["--config", "/mnt/tmp/proc.toml"], {}, /state_dir: .* can't be made there; name another/],
    ["bangerd", "owner", ["--config", "/mnt/tmp/ro.toml"], {}, /state_dir: .* mounted read-only; mount it writable/],
    ["bangerd-root", "owner", [], {}, /must be started as root/],
    ["bangerd-root", "root", ["--config", "/nope"], {}, /\/nope: there is no such file; write one/],
    [
      "bangerd-root",
      "root",
      ["--config", "/mnt/tmp/link.toml"],
      {},
      /link.toml: is a symbolic link; name what it leads/,
    ],
    [
      "bangerd-root",
      "root",
      ["--config", "/mnt/tmp/open.toml"],
      {},
      /may be written by others than root \(mode 0666\)/,
    ],
    ["bangerd-root", "root", ["--config", "/mnt/tmp/owners.toml"], {}, /belongs to uid 61000, not to root/],
    ["bangerd-root", "root", ["--config", "/mnt/tmp/overlap.toml"], {}, /uid_first: the owner's uid lies in/],
    ["banger", "owner", ["vm", "ls", "--config", "/nope"], {}, /\/nope: there is no such file; write one/],
    ["banger", "owner", ["vm", "ls"], { BANGER_CONFIG: "/etc" }, /\/etc: is a directory/],
    ["banger", "owner", ["network", "up"], { BANGER_LOG_LEVEL: "loud" }, /BANGER_LOG_LEVEL: "loud".*[^]*\[usage\]/],
  ] as const)("%s says to %s with %j and %j what to do", async (program, as, argv, env, says) => {
    const ended = await host.sandbox.run([program, ...argv], { as, env: { BANGER_CONFIG: host.config, ...env } });
    expect(ended.code).not.toBe(0);
    expect(ended.stderr).toMatch(says);
    expect(ended.stderr).not.toMatch(/bug in banger|^ +at /m);
  });

  /** What a user may have set for other programs, and what a program may be started with. */
  const surroundings = {
    NODE_OPTIONS: "--require /nope",
    NODE_PATH: "/nope",
    NODE_EXTRA_CA_CERTS: "/nope",
    NODE_CHANNEL_FD: "x",
    NODE_COMPILE_CACHE: "/proc/x",
    NODE_ICU_DATA: "/nope",
    NODE_TLS_REJECT_UNAUTHORIZED: "0",
    NODE_UNIQUE_ID: "1",
    TMPDIR: "/nope",
    TZ: "Nowhere/Land",
    LANG: "xx_YY.garbage",
  };
  const odd =
    'trap "" INT TERM PIPE HUP; cd /mnt/tmp/gone; rmdir /mnt/tmp/gone 2>/dev/null; unset HOME; export PATH=; ulimit -n 64';

  it("isn't steered or broken by what it is started in", async () => {
    const bin = "/mnt/banger/bin";
    const daemon = await host.startDaemon({ ...surroundings, BANGER_LOG_LEVEL: "" }, [
      "/bin/sh",
      "-c",
      `${odd}; exec /usr/bin/nice -n 5 ${bin}/bangerd 0<&- 2>&-`,
    ]);
    const fds = await host.sandbox.root(`for n in 0 1 2; do readlink /proc/${daemon.pid}/fd/$n; done`);
    expect(fds).toMatch(/^\/dev\/null\n(pipe|socket):.*\n\/dev\/null\n$/);
    const heard = await host.sandbox.root(`tr '\\0' '\\n' </proc/${daemon.pid}/environ | grep ^NODE_`);
    expect(heard).toBe("NODE_EXTRA_CA_CERTS=/nope\n");
    const env = { ...surroundings, BANGER_CONFIG: host.config };
    const asked = await host.sandbox.run(["/bin/sh", "-c", `${odd}; exec ${bin}/banger network up`], { env });
    expect(asked).toMatchObject({ code: 0, stderr: expect.not.stringContaining("Warning") as string });
    // A terminal that closes ends nobody.
    await host.sandbox.root(`kill -HUP ${daemon.pid} ${host.helper?.pid}`);
    await host.ok("network", "down");
    await host.daemon?.end();
    expect(await daemon.ended).toBe(0);
    await host.helper?.end();
    const helper = ["/bin/sh", "-c", `${odd}; exec ${bin}/bangerd-root --help`];
    expect(await host.sandbox.run(helper, { as: "root", env: surroundings })).toMatchObject({ code: 0 });
  });
});

describe.skipIf(noSandbox)(`a umask${leftOut}`, () => {
  it("changes no mode of what daemon and helper make", async () => {
    const made: Record<string, string> = {};
    for (const umask of ["022", "077", "000"]) made[umask] = await madeWith(umask);
    expect(made["022"]).toContain("444 owner ./state/kernels/ID/vmlinux");
    expect(made["022"]).toContain("600 owner ./run/bangerd.lock");
    expect(made["077"]).toBe(made["022"]);
    expect(made["000"]).toBe(made["022"]);
  }, 120_000);

  /** The modes of all that an installation of its own makes. */
  async function madeWith(umask: string): Promise<string> {
    await using host = await Installation.create();
    await host.sandbox.root(`
      mkdir -p /mnt/tmp/kernel/modules; cd /mnt/tmp/kernel
      echo ${fakeKernel().toString("base64")} | base64 -d > vmlinux; touch modules/modules.dep
      for module in virtio_pci virtio_blk virtio_net virtio_console virtio_rng ext4; do echo kernel/$module.ko; done > modules/modules.builtin
      mkdir -p root/usr/bin root/etc; touch root/usr/bin/true; tar -C root -cf root.tar usr etc; chmod -R a+rX .`);
    await host.startHelper({ umask });
    await host.startDaemon({}, ["sh", "-c", `umask ${umask}; exec bangerd`]);
    const kernel = ["/mnt/tmp/kernel/vmlinux", "--modules", "/mnt/tmp/kernel/modules", "--name", "linux"];
    await host.ok("kernel", "import", ...kernel);
    await host.ok("image", "import", "/mnt/tmp/kernel/root.tar", "--name", "tiny");
    await host.ok("vm", "create", "--name", "web");
    await host.ok("network", "up");
    // Ids are of one length; those of a VM are drawn.
    return await host.sandbox.root(
      `cd ${host.config.replace("/install.toml", "")}; find . -printf '%m %u %p\\n' | sed -E 's/[0-9a-f]{16,}/ID/' | sort`,
    );
  }
});

describe.skipIf(noSandbox)(`a signal that means nothing here${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  it("opens no debugger's port in daemon or helper, and ends neither", async () => {
    await using host = await Installation.start();
    for (const signal of ["USR1", "USR2", "HUP"]) await host.sandbox.root(`pkill -${signal} -f dist/bangerd`);
    expect(await host.ok("daemon", "status")).toMatchObject({ helper: "available" });
    expect(await host.sandbox.root("ss -Hltn")).toBe("");
  });
});
