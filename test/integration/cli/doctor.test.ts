import { once } from "node:events";
import { chownSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { lookWithoutDaemon } from "../../../src/cli/command/system/without-daemon.ts";
import { DaemonConnection } from "../../../src/cli/daemon-connection.ts";
import { BangerError } from "../../../src/rpc/contract/errors.ts";
import { CliHost } from "../../support/scripted-daemon.ts";

const me = process.getuid?.() ?? 0;
/** Root owns no installation. */
const owner = me === 0 ? 61_000 : me;

let host: CliHost;
let runDir: string;
beforeEach(() => {
  host = new CliHost();
  runDir = dirname(host.layout.daemonSocket);
  const text = readFileSync(host.config, "utf8");
  writeFileSync(host.config, text.replace(/^owner_uid = .*$/m, `owner_uid = ${owner}`));
  if (owner !== me) chownSync(runDir, owner, -1);
});
afterEach(() => host[Symbol.asyncDispose]());

/** What the doctor says to its caller, without a daemon. */
const diagnose = async (uid = owner) => {
  const why: unknown = await DaemonConnection.open(host.config).catch((error: unknown) => error);
  return (await lookWithoutDaemon(host.config, why, uid)).checks;
};
const found = async (uid?: number) =>
  (await diagnose(uid)).flatMap(({ name, findings }) => findings.map(({ code }) => `${name} ${code}`));
const away = ["helper helper_unavailable", "daemon daemon_unavailable"];

describe("the doctor without a daemon", () => {
  it.each<[string, () => unknown, string[], number?]>([
    ["an install file that isn't there", () => rmSync(host.config), ["installation daemon_unavailable"]],
    ["one that is none", () => writeFileSync(host.config, "x"), ["installation bad_content"]],
    ["another's installation", () => undefined, ["installation not_owner", ...away], 61_001],
    [
      "a file for a directory",
      () => {
        rmSync(runDir, { recursive: true });
        writeFileSync(runDir, "");
      },
      ["run_dir no_directory", ...away],
    ],
    ["a directory that it makes itself", () => rmSync(runDir, { recursive: true }), away],
    ["nothing but who runs", () => undefined, away],
  ])("says of %s what is wrong", async (_, plant, codes, uid) => {
    plant();
    expect(await found(uid)).toEqual(codes);
  });

  it("lacks no helper where one listens, and says how to start the daemon", async () => {
    mkdirSync(dirname(host.layout.helperSocket));
    const helper = createServer().listen(host.layout.helperSocket);
    await once(helper, "listening");
    const checks = await diagnose();
    helper.close();
    expect(checks.map(({ name, findings: { length } }) => `${name} ${length}`)).toEqual([
      "installation 0",
      "state_dir 0",
      "run_dir 0",
      "helper 0",
      "daemon 1",
    ]);
    expect(checks.at(-1)?.findings[0]).toMatchObject({ hint: expect.stringContaining("`bangerd`") as string });
  });

  it("is told as any other diagnosis, and is no success", async () => {
    const { code, stdout } = await host.run(["doctor"]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^error +helper: no helper answers: .*isn't there\n +Start it as root/m);
    expect(stdout).toMatch(/^error +daemon: .*\n +Start it: `bangerd`/m);
    expect((await host.run(["daemon", "status"])).code).toBe(69);
  });

  it("names systemd's units where the installation has them, as any other command does", async () => {
    const installed = `owner = "x"\nversion = "1.0.0"\ninstalled_at = "2026-03-01T10:00:00Z"\nop_id = "op-${"1".repeat(32)}"\n`;
    writeFileSync(host.config, readFileSync(host.config, "utf8") + installed);
    const { stdout } = await host.run(["doctor"]);
    expect(stdout).toMatch(/^error +helper: .*\n +Start it: `sudo systemctl start bangerd-root.socket`/m);
    expect(stdout).toMatch(/^error +daemon: .*\n +Start it: `sudo systemctl start bangerd.socket`; `banger system/m);
    const { code, stderr } = await host.run(["vm", "ls"]);
    expect([code, stderr]).toEqual([69, expect.stringContaining("`sudo systemctl start bangerd.socket`")]);
    await host.serve({
      networkUp: () => Promise.reject(new BangerError("helper_unavailable", "the helper is away")),
    });
    expect((await host.run(["network", "up"])).stderr).toContain("`sudo systemctl start bangerd-root.socket`");
  });

  it("is not what a daemon answers whose doctor fails", async () => {
    await host.serve({});
    expect((await host.run(["doctor"])).code).toBe(70);
  });
});
