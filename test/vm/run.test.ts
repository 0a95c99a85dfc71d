import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Installation } from "../support/installation.ts";
import { noSandbox } from "../support/sandbox.ts";

vi.setConfig({ testTimeout: 180_000 });

describe.skipIf(noSandbox)(`vm run${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let host: Installation;
  let before: string;
  beforeEach(async () => {
    host = await Installation.start({ guest: true });
    // Bridge and rules stay.
    await host.ok("network", "up");
    before = await host.hostState();
  });
  afterEach(() => host[Symbol.asyncDispose]());

  const run = (...argv: string[]) => host.person(["run", "--memory", "192M", ...argv], { input: "given\n" });
  const nothingLeft = async () => {
    await expect.poll(async () => host.ok("vm", "ls"), { timeout: 60_000 }).toEqual({ vms: [] });
    await expect.poll(() => host.hostState(), { timeout: 30_000 }).toBe(before);
  };

  it("--rm ends with the command's own exit code, output and error, and leaves nothing", async () => {
    const script = "cat; echo said >&2; exit 7";
    expect(await run("--rm", "-i", "--", "sh", "-c", script)).toEqual({ code: 7, stdout: "given\n", stderr: "said\n" });
    await nothingLeft();
    const spans = await host.spansOf(await host.lastOperation());
    expect(spans.filter(({ name }) => name.startsWith("vm.")).map(({ name }) => name)).toEqual(["vm.run"]);
    expect(new Set(spans.map(({ service }) => service))).toEqual(
      new Set(["banger", "bangerd", "bangerd-root", "guest"]),
    );

    const missing = await run("--rm", "no-such-command");
    expect(missing).toMatchObject({ code: 127, stdout: "" });
    await nothingLeft();
  });

  it("--rm leaves nothing when banger is killed", async () => {
    const child = host.spawnBanger(["run", "--rm", "--memory", "192M", "--", "sh", "-c", "echo begun; sleep 1000"]);
    await once(child.stdout as NodeJS.ReadableStream, "data");
    await host.sandbox.root("pkill -KILL -f 'banger.cjs run'");
    await nothingLeft();
  });

  it("--rm leaves nothing when its command is interrupted", async () => {
    // dash loses a SIGINT that comes between fork and exec of what it runs; one for which it has a trap it remembers.
    const remembers = "trap 'exit 130' INT; echo begun; while :; do sleep 0.1; done";
    const interrupted = host.spawnBanger(["run", "--rm", "--memory", "192M", "--", "sh", "-c", remembers]);
    await once(interrupted.stdout as NodeJS.ReadableStream, "data");
    const closed = once(interrupted, "close");
    await host.sandbox.root("pkill -INT -f 'banger.cjs run'");
    expect((await closed)[0]).toBe(130);
    await nothingLeft();
  });

  it("--rm leaves nothing when the daemon is killed under its command, once there is another", async () => {
    const child = host.spawnBanger(["run", "--rm", "--memory", "192M", "--", "sh", "-c", "echo begun; sleep 1000"]);
    await once(child.stdout as NodeJS.ReadableStream, "data");
    const closed = once(child, "close");
    await host.daemon?.end("KILL");
    expect((await closed)[0]).toBe(69);
    await host.startDaemon();
    await nothingLeft();
  });

  it("gives a shell when no command is named, whose exit code is its own", async () => {
    const shell = await host.person(["run", "--rm", "--memory", "192M"], { input: "hostname; exit 3\n" });
    expect(shell).toMatchObject({ code: 3, stdout: expect.stringMatching(/^[a-z]+-[a-z]+-[0-9a-f]{4}\n$/m) as string });
    await nothingLeft();
  });

  it("without --rm leaves the VM running, and says its name", async () => {
    const kept = await run("--name", "web", "--label", "ci=7", "--", "true");
    expect(kept).toMatchObject({ code: 0, stdout: "", stderr: expect.stringContaining("vm web runs at") as string });
    expect((await run("--name", "web", "true")).code).toBe(73);
    const { vms } = await host.ok<{ vms: { name: string }[] }>("vm", "ls", "--label", "ci", "--state", "running");
    expect(vms.map(({ name }) => name)).toEqual(["web"]);
  });
});
