import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fileSync } from "../../../src/daemon/capability/file-sync.ts";
import { configShown } from "../../../src/daemon/config/config-shown.ts";
import type { ExecEnd, ExecRequest } from "../../../src/daemon/guest/agent-exec.ts";
import type { RunningVm } from "../../../src/daemon/vm/running.ts";
import type { StoredVm } from "../../../src/daemon/vm/vm-records.ts";
import { BangerError } from "../../../src/rpc/contract/errors.ts";
import type { Warning } from "../../../src/rpc/contract/warning.ts";
import { createLogger } from "../../../src/telemetry/log.ts";
import type { ScriptedAgent } from "../../support/scripted-agent.ts";
import { ScriptedHost } from "../../support/scripted-host.ts";

let host: ScriptedHost;
let agent: ScriptedAgent;
beforeEach(async () => {
  host = await ScriptedHost.start();
  host.helper.onStarted = (vmm) => {
    agent = vmm.agent;
    agent.commands = "read";
  };
  await host.create("web");
  mkdirSync(join(host.ownerHome, ".config/git"), { recursive: true });
  writeFileSync(join(host.ownerHome, ".netrc"), "password hunter2", { mode: 0o600 });
  writeFileSync(join(host.ownerHome, ".config/git/credentials-of-acme"), "hunter3");
});
afterEach(() => host[Symbol.asyncDispose]());

const says = (text: string) => writeFileSync(host.configPath, `${text}\n`);
const start = async () => (await host.start("web")) as Awaited<ReturnType<typeof host.start>> & { warnings: Warning[] };
const shown = async () => (await host.services.vms.show("web")).warnings;
const members = (archive: Buffer) =>
  execFileSync("tar", ["-tvf", "-", "--numeric-owner"], { input: archive, encoding: "utf8" })
    .trim()
    .split("\n")
    .map((line) => line.replace(/ +\d+ \d{4}-\S+ \S+/, ""));
const steps = () => host.logged.filter(({ phase }) => phase === "completed").map(({ step }) => step);

describe("file_sync", () => {
  it("is no part of a start without it", async () => {
    says("[defaults]\ncpus = 1");
    expect((await start()).warnings).toEqual([]);
    expect(steps()).not.toContain("post_start_file_sync");
    expect(agent.inputs).toEqual([]);
  });

  it("gives each user's entries to a command of that user's, at each start anew", async () => {
    says('file_sync = [".netrc", { path = ".config/git", to = "/etc/git", user = "dev" }]');
    expect((await start()).warnings).toEqual([]);
    expect(steps()).toContain("post_start_file_sync");
    expect(agent.inputs.map(members)).toEqual([
      ["-rw------- 0/0 0"],
      ["drwxr-xr-x 0/0 0/", "-rw-r--r-- 0/0 0/credentials-of-acme"],
    ]);
    expect(await shown()).toBeUndefined();
    await host.kill("web");
    says('file_sync = [".netrc"]');
    chmodSync(join(host.ownerHome, ".netrc"), 0o640);
    await start();
    expect(agent.inputs.map(members)).toEqual([["-rw-r----- 0/0 0"]]);
  });

  it("warns of what is left out by the entry's name, in the answer, the log and vm show, until the next start", async () => {
    symlinkSync("/etc", join(host.ownerHome, ".config/git/etc"));
    says('# mine\nfile_sync = [".gone", ".config/git", ".netrc"]');
    const { warnings } = await start();
    const where = `${host.configPath}:2: file_sync`;
    expect(warnings).toEqual([
      { code: "file_sync", message: `${where}: .gone: left out: it isn't there`, hint: expect.any(String) as string },
      {
        code: "file_sync",
        message: `${where}: .config/git: left out: 1 symbolic link(s) that lead out of it`,
        hint: expect.any(String) as string,
      },
    ]);
    expect(await shown()).toEqual(warnings);
    expect(host.logged.filter(({ code }) => code === "file_sync").map(({ message }) => message)).toEqual(
      warnings.map(({ message }) => message),
    );
    await host.kill("web");
    expect(await shown()).toBeUndefined();
    says("");
    await start();
    expect(await shown()).toBeUndefined();
  });

  it.each<[string, () => void, RegExp]>([
    [
      "a config file that is broken",
      () => says("file_sync = 3"),
      /^file_sync: nothing was copied: .*config\.toml:1: file_sync/,
    ],
    [
      "a guest that has no tar",
      () => void (agent.exits = 127),
      /: what was to be copied was not: the guest has no tar$/,
    ],
    [
      "a guest whose home is read-only",
      () => void (agent.exits = 73),
      /: the user's home in the guest can't be written$/,
    ],
    ["a guest whose tar fails", () => void (agent.exits = 2), /: the guest could not unpack it \(exit 2\)$/],
    [
      "a place that is taken",
      () => void (agent.prints = "0\nx\n99\n"),
      /: \.netrc: its place \/root\/\.netrc in the guest is taken/,
    ],
  ])(
    "fails no start by %s",
    async (_, spoil, message) => {
      says('file_sync = [".netrc"]');
      host.atStep = ({ step, when }) => {
        if (step === "post_start_file_sync" && when === "before") spoil();
      };
      const { warnings, state } = await start();
      expect(state).toBe("running");
      expect(warnings[0]?.message).toMatch(message);
      expect(await shown()).toEqual(warnings);
    },
    60_000,
  );

  it("that is under way when the caller leaves is undone with its start", async () => {
    says('file_sync = [".netrc"]');
    host.helper.onStarted = (vmm) => void (vmm.agent.commands = "wait");
    const caller = new AbortController();
    host.atStep = ({ step, when }) => {
      if (step === "post_start_file_sync" && when === "before") {
        setImmediate(() => caller.abort(new BangerError("cancelled", "cancelled by the caller")));
      }
    };
    await expect(host.start("web", { signal: caller.signal })).rejects.toMatchObject({ code: "cancelled" });
    expect(host.show("web")).toMatchObject({ state: "created" });
    expect(host.helper.vmms.size + host.helper.taps.size).toBe(0);
  });

  it("ends with its time, whatever the guest does, and fails no start by that", async () => {
    says('file_sync = [".netrc"]');
    const vm = host.services.vms.list()[0] as StoredVm;
    const warnings: Warning[] = [];
    const exec = ({ signal }: ExecRequest) =>
      new Promise<ExecEnd>((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason as Error)));
    const { postStart } = fileSync({
      config: host.services.config,
      home: host.ownerHome,
      running: { get: () => ({ agent: { exec } }) as unknown as RunningVm },
      log: createLogger("bangerd", { write: () => undefined }),
      timeoutMs: 20,
    });
    const starting = { vm, launchedAt: new Date(), warn: (warning: Warning) => warnings.push(warning) };
    await postStart?.(starting, new AbortController().signal);
    expect(warnings.map(({ message }) => message)).toEqual([
      expect.stringMatching(/the guest took longer than 0.02 s$/),
    ]);
  });

  it("tells no log and no span what files contain, nor what is in directories", async () => {
    says('file_sync = [".netrc", ".config/git"]');
    await start();
    expect(agent.inputs[0]?.includes("hunter2")).toBe(true);
    const kept = JSON.stringify([host.logged, host.spans, await host.services.vms.show("web")]);
    for (const secret of ["hunter", "acme"]) expect(kept).not.toContain(secret);
  });

  it("stands in config show as the file has it", async () => {
    says('file_sync = [".netrc", { path = "a", to = "/b", user = "dev" }]');
    expect(configShown(host.services.config.read(), host.services.named).keys[0]).toMatchObject({
      key: "file_sync",
      value: [".netrc", "a as /b of dev"],
      line: 1,
    });
  });
});
