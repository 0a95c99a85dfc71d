import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { BangerError } from "../../../src/rpc/contract/errors.ts";
import { CliHost, endOf } from "../../support/scripted-daemon.ts";
import { statsOf, vmCalled } from "../../support/vm.ts";

vi.setConfig({ testTimeout: 60_000 });

let host: CliHost;
const asked: unknown[] = [];
const base64 = (text: string) => Buffer.from(text).toString("base64");
const unused = {
  id: "0123456789abcdef",
  name: "old",
  state: "stopped",
  last_used_at: "2026-01-01T00:00:00.000Z",
  disk_used_mib: 3,
} as const;
beforeEach(async () => {
  host = new CliHost();
  asked.splice(0);
  await host.serve({
    vmRun: async (params, { emit, signal, takeSignals }) => {
      asked.push(params);
      await emit("step", { step: "tap", phase: "completed", elapsed_ms: 1 });
      await emit("started", {
        vm: vmCalled("web"),
        warnings: [{ code: "no_resolver", message: "no names", hint: "add one" }],
      });
      if (params.argv[0] === "nope") {
        const details = { errno: 2, what: "program" };
        throw new BangerError("command_failed", "the command could not be started: nope: No such file", { details });
      }
      await emit("stdout", base64("said\n"));
      const end = { vm: { id: unused.id, name: "web" }, removed: params.rm };
      if (params.argv[0] !== "sleep") return { ...end, exit_code: 7, signal: null };
      const signalled = await new Promise<number>((resolve) => takeSignals?.(resolve));
      signal.throwIfAborted();
      return { ...end, exit_code: null, signal: signalled };
    },
    vmList: async ({ watch, label }, { emit, signal }) => {
      asked.push(label);
      if (!watch) return { vms: [] };
      await emit("vms", { vms: [vmCalled("web")] });
      // What changes of it no table shows.
      await emit("vms", { vms: [{ ...vmCalled("web"), pid: 7 }] });
      await emit("vms", { vms: [vmCalled("web"), vmCalled("db")] });
      await once(signal, "abort");
      throw signal.reason;
    },
    vmStats: async (params, { emit, signal }) => {
      asked.push(params);
      const {
        vm: [name = "web"],
        watch,
      } = params;
      if (name === "none") return { vms: [] };
      if (!watch)
        return {
          vms: [{ ...statsOf(name, 12.5), guest_memory: { total_bytes: 2048, available_bytes: 1024 }, unknown: {} }],
        };
      await emit("stats", { vms: [statsOf(name, null)] });
      await emit("stats", { vms: [statsOf(name, 99.9)] });
      await once(signal, "abort");
      throw signal.reason;
    },
    vmPorts: async ({ vm }) => ({
      ports: [
        { protocol: "tcp", address: "::", port: 22, process: "sshd" },
        { protocol: "udp", address: "127.0.0.1", port: 53, process: null },
      ],
      more: vm === "busy",
    }),
    vmDelete: async ({ keep_work }) => ({
      id: unused.id,
      name: "web",
      ...(keep_work ? {} : { stopped_by: "kill" as const, work_disk: { name: "web", kept: true } }),
    }),
    vmPrune: async (params) => {
      asked.push(params);
      return { vms: [unused], freed_mib: 3 };
    },
    traceSubmit: async ({ spans }) => ({ accepted: spans.length }),
  });
});
afterEach(() => host[Symbol.asyncDispose]());

describe("vm run", () => {
  it("prints what the command does, and steps only where they are asked for", async () => {
    const quiet = await host.run(["run", "--rm", "--", "sh", "-c", "exit 7"]);
    expect(quiet).toMatchObject({ code: 7, stdout: "said\n", stderr: "! no names\n  add one\n" });
    const loud = await host.run(["run", "--no-quiet", "--label", "a=1", "true"]);
    expect(loud.stderr).toMatch(/✓ tap[^]*vm web runs at 10\.77\.0\.2, and goes on/);
    expect(asked).toMatchObject([
      { argv: ["sh", "-c", "exit 7"], rm: true },
      { argv: ["true"], rm: false, label: ["a=1"] },
    ]);
    expect(await host.run(["run", "-q", "true"])).toMatchObject({ code: 7, stderr: "" });
    const { stdout } = await host.run(["vm", "run", "--json", "--rm", "true"]);
    expect(JSON.parse(stdout)).toMatchObject({ vm: { name: "web" }, exit_code: 7, removed: true, stdout: "said\n" });
  });

  it("has a shell's exit codes: 127 for what isn't there, 128 and a signal's number", async () => {
    expect((await host.run(["run", "--rm", "nope"])).code).toBe(127);
    const child = host.spawn(["run", "--rm", "sleep", "9"]);
    child.stdout?.once("data", () => child.kill("SIGTERM"));
    expect((await endOf(child)).code).toBe(143);
  });
});

describe("vm set", () => {
  it("without anything that is to change is refused before anybody is asked", async () => {
    expect(await host.run(["set", "web"])).toMatchObject({
      code: 64,
      stderr: expect.stringContaining("nothing is named that is to change") as string,
    });
  });
});

describe("vm delete", () => {
  it("says how a guest went that was to go in order, and that there was nothing to keep", async () => {
    const { stderr } = await host.run(["rm", "-f", "web"]);
    expect(stderr).toMatch(/^web is deleted; its guest was killed; its work disk is kept as volume web: /m);
    expect((await host.run(["rm", "--keep-work", "web"])).stderr).toContain("it had no work disk to keep");
  });
});

describe("vm ls --watch", () => {
  it.each([
    [[], /^NAME[^]*web[^]*\n\nNAME[^]*db /],
    [["-q"], /^web\n\nweb\ndb\n$/],
    [["--json"], /^(\[\{[^\n]*\}\]\n){2}\[\{[^\n]*\},\{[^\n]*\}\]\n$/],
  ])("with %j tells each change, and ends by Ctrl-C", async (flags, shown) => {
    const child = host.spawn(["ls", "-w", ...flags]);
    let text = "";
    child.stdout?.on("data", (bytes: Buffer) => {
      text += bytes.toString();
      if (text.includes("db")) child.kill("SIGINT");
    });
    const { code, stderr } = await endOf(child);
    expect(text).toMatch(shown);
    expect(code).toBe(130);
    expect(stderr).toBe("");
  });
});

describe("vm stats", () => {
  it("in a pipe is one table, or one object", async () => {
    expect((await host.run(["stats"])).stdout).toMatch(
      /^NAME +CPU +MEAN[^]*\nweb +12\.5% +3\.0% +200 MiB +1\.0 KiB of 2\.0 KiB +1\.0 KiB +0 B +10 B +20 B\n$/,
    );
    const { stdout } = await host.run(["stats", "--json", "db", "web"]);
    expect(JSON.parse(stdout)).toMatchObject({ vms: [{ name: "db", cpu: { percent: 12.5 } }] });
    expect((await host.run(["stats", "none"])).stdout).toMatch(/^no VM runs; /);
    expect(asked).toMatchObject([
      { vm: [], watch: false },
      { vm: ["db", "web"], watch: false },
      { vm: ["none"], watch: false },
    ]);
  });

  it.each([
    [[], /^NAME[^]*\nweb +- +3\.0%[^]*\n\nweb: its agent is old\n\nNAME[^]*\nweb +99\.9%/],
    [["--json"], /^\{"vms":\[\{[^\n]*\}\]\}\n\{"vms":\[\{[^\n]*99\.9[^\n]*\}\]\}\n$/],
  ])("--watch with %j tells each, and ends by Ctrl-C", async (flags, shown) => {
    const child = host.spawn(["stats", "-w", "--interval", "5s", ...flags]);
    let text = "";
    child.stdout?.on("data", (bytes: Buffer) => {
      text += bytes.toString();
      if (text.includes("99.9")) child.kill("SIGINT");
    });
    expect((await endOf(child)).code).toBe(130);
    expect(text).toMatch(shown);
    expect(asked).toMatchObject([{ vm: [], watch: true, interval_s: 5 }]);
  });

  it("on a terminal goes on in place, unless told not to", async () => {
    // Ctrl-C is typed when both are there.
    const onTerminal = (line: string) => {
      const script = "declare -f banger >b; mkfifo keys; exec 3<>keys";
      return host.bash(
        `${script}; script -qefc 'stty cols 100 rows 24; . ./b; ${line}' /dev/null <keys | while IFS= read -rn 1 -d '' c; do printf %s "$c"; t=$t$c; case $t in *99.9*) printf '\\003' >keys; t= ;; esac; done`,
      );
    };
    const live = await onTerminal("banger stats");
    expect(live.stdout).toContain("\u001b[H");
    expect(live.stdout).toMatch(/99\.9%/);
    expect(asked).toMatchObject([{ watch: true }]);
    await host.bash("rm keys");
    const once = await onTerminal("banger stats --no-watch");
    expect(once.stdout).not.toContain("\u001b[H");
    expect(asked).toMatchObject([{ watch: true }, { watch: false }]);
  });
});

describe("vm ports", () => {
  it("lists what listens, and says when there is more", async () => {
    expect((await host.run(["ports", "web"])).stdout).toMatch(
      /^PROTOCOL +ADDRESS +PORT +PROCESS\ntcp +:: +22 +sshd\nudp +127\.0\.0\.1 +53 +-\n$/,
    );
    expect((await host.run(["ports", "busy"])).stdout).toMatch(/-\nthere are more than these 2\n$/);
    expect(JSON.parse((await host.run(["ports", "--json", "web"])).stdout)).toMatchObject({ more: false });
  });
});

describe("vm prune", () => {
  it("asks nobody where there is nobody to ask", async () => {
    expect(await host.run(["prune"])).toMatchObject({ code: 64, stderr: expect.stringContaining("--force") as string });
    expect(asked).toMatchObject([{ dry_run: true }]);
  });

  it("with --dry-run or --force says what and how much", async () => {
    expect((await host.run(["prune", "--dry-run"])).stdout).toMatch(
      /old +0123456789ab +stopped[^]*3\.0 MiB would be freed/,
    );
    expect((await host.run(["prune", "-f", "--older", "24h", "--label", "ci"])).stdout).toMatch(
      /old[^]*3\.0 MiB freed/,
    );
    expect(asked).toMatchObject([{ dry_run: true }, { dry_run: false, older_s: 86_400, label: ["ci"] }]);
  });
});

it.each([
  ["version", "--json"],
  ["--json", "--version"],
])("%s %s is the version in JSON", async (...words) => {
  const { stdout, code } = await host.run(words);
  expect(JSON.parse(stdout)).toEqual({ version: expect.stringMatching(/^\d/) as string });
  expect(code).toBe(0);
});
