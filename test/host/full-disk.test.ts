import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Installation } from "../support/installation.ts";
import { tinyRootFs } from "../support/rootfs.ts";
import { noSandbox } from "../support/sandbox.ts";
import { importTinyContent } from "../support/tiny-content.ts";

describe.skipIf(noSandbox)(`a full disk${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let directory: string;
  let tar: string;
  let host: Installation;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "banger-full-"));
    tar = tinyRootFs(directory);
    for (const path of [directory, tar]) execFileSync("chmod", ["a+rX", path]);
  });
  afterAll(() => rmSync(directory, { recursive: true }));
  beforeEach(async () => {
    host = await Installation.create();
    const state = host.file.stateDir;
    await host.sandbox.root(`mount -t tmpfs -o size=48M,mode=700,uid=61000,gid=61000 full ${state}`);
    await host.startHelper();
    await host.startDaemon();
    await importTinyContent(host, tar);
  });
  afterEach(() => host[Symbol.asyncDispose]());

  const fill = () => host.sandbox.root(`head -c 64M /dev/zero > ${host.file.stateDir}/fill 2>/dev/null || true`);
  const codeOf = async (...argv: string[]) => {
    const answer = await host.banger(argv);
    return answer.code === 0 ? "ok" : answer.error().code;
  };

  it("what gives space back works, what takes it is refused; both are remembered, and all works again when there is room", async () => {
    for (const name of ["one", "two", "three"]) await host.ok("vm", "create", "--name", name);
    await fill();
    // The first write takes the reserve; what is refused from then on may have been let through before.
    expect(await codeOf("vm", "delete", "one")).toBe("ok");
    await fill();
    expect(await codeOf("vm", "create", "--name", "four")).toBe("no_space");
    expect(await codeOf("vm", "start", "two")).toBe("no_space");
    expect(await codeOf("image", "import", tar, "--name", "again")).toBe("no_space");
    const refused = await host.lastOperation();
    expect(await codeOf("vm", "delete", "two")).toBe("ok");
    expect(await codeOf("vm", "delete", "three", "--force")).toBe("ok");
    expect(await codeOf("image", "rm", "tiny")).toBe("ok");
    expect(await codeOf("kernel", "rm", "linux")).toBe("ok");
    expect(await host.ok("vm", "ls")).toEqual({ vms: [] });
    expect((await host.spansOf(refused)).map((span) => span.name)).toContain("image.import");
    await host.sandbox.root(`rm ${host.file.stateDir}/fill`);
    await host.ok("image", "import", tar, "--name", "again");
    expect(host.daemon?.log.filter((record) => /bug/.test(record.message))).toEqual([]);
  });

  it("an operation whose records could not be kept is named where an older one is shown as the last", async () => {
    await host.ok("vm", "create", "--name", "one");
    const kept = await host.lastOperation();
    await fill();
    await host.banger(["vm", "delete", "one"]);
    const newest = await host.lastOperation();
    expect(newest).not.toBe(kept);
    const whileFull = await host.banger(["logs", "last"]);
    expect(whileFull.stderr).toContain(`The newest is ${newest}`);
    const { logs } = await host.ok<{ logs: { untold: number; dropped: { kept: number } } }>("daemon", "status");
    expect(logs.untold).toBeGreaterThan(0);
    expect(logs.dropped.kept).toBe(logs.untold);
    await host.daemon?.end("KILL");
    const without = await host.banger(["logs", "last"]);
    expect(without.stderr).toMatch(/the newest records may be missing: .* is full; this may be an older operation/);
    expect(without.stdout).toContain(kept);
  });

  it("a daemon starts on one, with what it kept back", async () => {
    await host.ok("vm", "create", "--name", "one");
    await host.daemon?.end("KILL");
    await fill();
    await host.startDaemon();
    await host.ok("vm", "delete", "one");
    expect(await codeOf("image", "rm", "tiny")).toBe("ok");
  });
});
