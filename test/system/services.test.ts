import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Installation } from "../support/installation.ts";
import { patience } from "../support/patience.ts";
import { tinyRootFs } from "../support/rootfs.ts";
import { noSandbox } from "../support/sandbox.ts";
import { Services } from "../support/services.ts";

const usualRounds = 20;
/** How often both services are restarted; `RESTARTS=200` takes some minutes and says what came of it. */
const rounds = Number(process.env["RESTARTS"] ?? usualRounds);
const both = ["bangerd.service", "bangerd-root.service"] as const;
const sockets = ["bangerd.socket", "bangerd-root.socket"] as const;

describe.skipIf(noSandbox)(`the services${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let host: Installation;
  let services: Services;
  beforeAll(async () => {
    host = await Installation.create({ systemd: true, guest: true });
    // The test's image can't be written; others are made beside it.
    const { images } = host.layout;
    await host.sandbox.root(`mkdir /mnt/tmp/images; mount --bind ${images} /mnt/tmp/images; umount ${images}; chown owner ${images}
      for image in /mnt/tmp/images/*; do
        mkdir ${images}/$(basename $image); mount --bind $image ${images}/$(basename $image)
      done`);
    services = await Services.install(host);
  });
  afterAll(() => host[Symbol.asyncDispose]());

  const states = async () =>
    (await services.systemctl("show", "--value", "--property=ActiveState", ...both)).trim().split(/\s+/);
  const inodes = () => host.sandbox.root(`stat -c '%i %u %a' ${host.layout.daemonSocket} ${host.layout.helperSocket}`);
  /** What tells one run of a guest from another. */
  const bootOf = async (vm: string) => {
    const { code, stdout, stderr } = await host.person([
      "vm",
      "exec",
      vm,
      "--",
      "cat",
      "/proc/sys/kernel/random/boot_id",
    ]);
    return code === 0 ? stdout.trim() : stderr;
  };

  const boot = async () => [await bootOf("web"), await bootOf("db")];
  const mainPids = () => Promise.all(both.map((unit) => services.property(unit, "MainPID")));

  it("start when they are asked, and say when they serve", async () => {
    expect(await states()).toEqual(["inactive", "inactive"]);
    const files = await inodes();
    expect(files).toMatch(/^\d+ 61000 600\n\d+ 61000 600\n$/);
    // The daemon is started by this connection, and starts the helper by its own.
    await host.ok("vm", "create", "--name", "web", "--memory-mib", "256");
    await host.ok("vm", "create", "--name", "db", "--memory-mib", "256");
    await host.ok("vm", "start", "web", "db");
    expect(await services.property("bangerd.service", "StatusText")).toMatch(/^banger \S+ serves$/);
    expect(await services.property("bangerd-root.service", "StatusText")).toMatch(/^banger \S+ serves$/);
    expect(await inodes()).toBe(files);
  });

  it("have images made in units of their own, where newuidmap works, as it does not in the daemon's", async () => {
    const directory = mkdtempSync(join(tmpdir(), "banger-services-"));
    copyFileSync(tinyRootFs(directory), host.sandbox.path("/mnt/tmp/tiny.tar.gz"));
    rmSync(directory, { recursive: true });
    await host.sandbox.root(`chmod a+r /mnt/tmp/tiny.tar.gz; rm -f /usr/bin/fakeroot*
      echo owner:100000:65536 | tee /etc/subuid > /etc/subgid`);
    const { id } = await host.ok<{ id: string }>("image", "import", "/mnt/tmp/tiny.tar.gz", "--name", "tiny");
    expect(await host.sandbox.root(`debugfs -R 'stat /bin/hello' ${host.layout.image(id)} 2>/dev/null`)).toMatch(
      /Mode:\s+04755[\s\S]*User:\s+123\s+Group:\s+456/,
    );
    expect(await host.sandbox.root(`ls -A ${host.file.stateDir}/scratch`)).toBe("");
    expect(await services.systemctl("list-units", "--all", "--plain", "--no-legend", "'banger-build@*'")).toBe("");
  });

  it("answer the owner alone", async () => {
    const other = await host.banger(["vm", "ls"], { as: 61_001 });
    expect(other.error()).toMatchObject({ code: "not_owner" });
    const connect = `require("net").connect(${JSON.stringify(host.layout.helperSocket)}).on("error", (e) => console.log(e.code))`;
    expect((await host.sandbox.run(["node", "-e", connect], { as: 61_001 })).stdout).toBe("EACCES\n");
  });

  it("are hardened as far as what they do allows", async () => {
    // What each point left is for stands in the unit.
    expect(await services.exposure("bangerd.service")).toBeLessThanOrEqual(1.7);
    expect(await services.exposure("bangerd-root.service")).toBeLessThanOrEqual(3.3);
  });

  it.each([
    ["are restarted", () => services.systemctl("restart", ...both)],
    ["are killed", () => services.signal("KILL", ...both)],
    ["are stopped, and asked again", () => services.systemctl("stop", ...both)],
    [
      "are stopped with their sockets, and started again",
      async () => {
        await services.systemctl("stop", ...sockets, ...both);
        expect((await host.banger(["vm", "ls"])).error()).toMatchObject({ code: "daemon_unavailable" });
        await services.systemctl("start", ...sockets);
      },
    ],
  ])("leave a VM running and reachable when they %s", async (_, act) => {
    const before = await boot();
    expect(before.join()).toMatch(/^[0-9a-f-]{36},[0-9a-f-]{36}$/);
    await act();
    expect(await boot()).toEqual(before);
  });

  it("are replaced by the watchdog when they hang, and nobody who connects meanwhile is refused", async () => {
    for (const unit of both) await services.edit(unit, "[Service]\nWatchdogSec=2s");
    await services.systemctl("restart", ...both);
    const before = await boot();
    await services.signal("STOP", ...both);
    expect(await boot()).toEqual(before);
    for (const unit of both) {
      await expect.poll(() => services.property(unit, "NRestarts"), { timeout: 15_000 * patience }).not.toBe("0");
      await services.edit(unit, "");
    }
  });

  it(`lose no VM and no operation in silence while both restart ${rounds} times`, {
    timeout: rounds * 10_000 * patience,
  }, async () => {
    const [boots, files] = [await boot(), await inodes()];
    const [before, began] = [await host.hostState(), performance.now()];
    let over = false;
    const outcomes: Record<string, number> = {};
    const client = async () => {
      for (let asked = 0; !over; asked++) {
        const vm = asked % 2 === 0 ? "web" : "db";
        const answer = await host.banger(["vm", "exec", vm, "--", "echo", `${asked}.`]);
        const outcome = answer.code === 0 ? "done" : answer.error().code;
        if (answer.code === 0) expect(answer.stdout).toContain(`${asked}.`);
        else expect(answer.error().op_id).toMatch(/^op-/);
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      }
    };
    const asking = client();
    for (let round = 0; round < rounds; round++) {
      const [pids, done] = [await mainPids(), outcomes["done"] ?? 0];
      if (round % 2 === 0) await services.systemctl("restart", ...both);
      else await services.signal("KILL", ...both);
      await expect
        .poll(async () => (await mainPids()).every((pid, at) => pid !== "0" && pid !== pids[at]), {
          timeout: 20_000 * patience,
        })
        .toBe(true);
      // And the client goes on, by itself.
      await expect.poll(() => outcomes["done"] ?? 0, { timeout: 20_000 * patience }).toBeGreaterThan(done);
    }
    over = true;
    await asking;
    if (rounds !== usualRounds) console.log(outcomes, `${Math.round((performance.now() - began) / 1000)} s`);
    // What was under way when the daemon ended is told so, and nothing else fails.
    expect(Object.keys(outcomes).filter((outcome) => !["done", "disconnected"].includes(outcome))).toEqual([]);
    expect([await boot(), await inodes()]).toEqual([boots, files]);
    expect(await host.hostState()).toBe(before);
  });
});
