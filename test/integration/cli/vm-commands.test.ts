import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { BangerError } from "../../../src/rpc/contract/errors.ts";
import { CliHost, endOf } from "../../support/scripted-daemon.ts";
import { vmCalled } from "../../support/vm.ts";

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
      await emit("vms", { vms: [vmCalled("web"), vmCalled("db")] });
      await once(signal, "abort");
      throw signal.reason;
    },
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

describe("vm ls --watch", () => {
  it.each([
    [[], /^NAME[^]*web[^]*\n\nNAME[^]*db /],
    [["-q"], /^web\n\nweb\ndb\n$/],
    [["--json"], /^\[\{[^\n]*\}\]\n\[\{[^\n]*\},\{[^\n]*\}\]\n$/],
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
    expect(stderr).not.toContain("banger:");
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
