import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BangerError } from "../../../src/rpc/contract/errors.ts";
import type { OperationStatus } from "../../../src/rpc/contract/operation.ts";
import { CliHost, endOf, type Script } from "../../support/scripted-daemon.ts";

const opId = `op-${"4bf92f35".repeat(4)}`;
const operation = (given: Partial<OperationStatus> = {}): OperationStatus => ({
  op_id: opId,
  method: "image.import",
  state: "running",
  caller_uid: 1_000,
  caller_pid: 42,
  begun_at: "2026-01-01T00:00:00.000Z",
  ended_at: null,
  took_ms: 1,
  steps: [],
  progress: null,
  next: 0,
  ...given,
});
const image = { id: "a".repeat(64), name: "alpine", size: 1, source: "x", created_at: "2026-01-01T00:00:00.000Z" };

let host: CliHost;
beforeEach(() => {
  host = new CliHost();
});
afterEach(() => host[Symbol.asyncDispose]());
const serve = (script: Script) => host.serve({ traceSubmit: async () => ({ accepted: 0 }), ...script });

describe("--detach", () => {
  it("prints the op_id of what was begun, with what the command would have sent", async () => {
    const sent: unknown[] = [];
    await serve({
      imageImportBegin: async (params, context) => {
        sent.push(params);
        return operation({ op_id: context.opId });
      },
    });
    const { stdout, code } = await host.run(["image", "import", "install.toml", "--detach"]);
    expect({ stdout, code }).toEqual({ stdout: expect.stringMatching(/^op-[0-9a-f]{32}\n$/) as string, code: 0 });
    expect(sent).toMatchObject([{ source: expect.stringMatching(/^\/.*install\.toml$/) as string }]);
    const json = await host.run(["image", "import", "install.toml", "--detach", "--json"]);
    expect(JSON.parse(json.stdout)).toMatchObject({ state: "running", method: "image.import" });
    expect(host.outcomes.map(({ method }) => method).filter((method) => method.startsWith("image"))).toEqual([
      "image.import.begin",
      "image.import.begin",
    ]);
  });

  it("of several is an operation each, and of what can't be begun there is none", async () => {
    await serve({ vmStartBegin: async (_, context) => operation({ op_id: context.opId, method: "vm.start" }) });
    const { stdout, code } = await host.run(["vm", "start", "web", "db", "--detach"]);
    expect(code).toBe(0);
    expect(new Set(stdout.trim().split("\n")).size).toBe(2);
    expect(await host.run(["vm", "ls", "--detach"])).toMatchObject({ code: 64 });
  });

  it("says so where the daemon is of before there was such a thing", async () => {
    await serve({
      vmCreateBegin: () => Promise.reject(new BangerError("unknown_method", 'no method "vm.create.begin"')),
    });
    expect(await host.run(["vm", "create", "--detach"])).toMatchObject({ code: 70, stdout: "" });
  });
});

describe("operation wait", () => {
  it("prints what the command would have, under the op_id that it asks about", async () => {
    await serve({
      operationStatus: async () => operation(),
      operationWait: async (_, { emit }) => {
        await emit("progress", { text: "making the file system", number: 0 });
        return operation({ state: "ok", result: image });
      },
    });
    const { stdout, stderr, code } = await host.run(["operation", "wait", "last"]);
    expect({ stdout, stderr, code }).toEqual({ stdout: "alpine\n", stderr: "  … making the file system\n", code: 0 });
    expect(host.outcomes.find(({ method }) => method === "operation.wait")).toMatchObject({ opId, traced: false });
  });

  it("ends as the command would have", async () => {
    const error = { code: "already_exists", message: "image.import: name: an image is called alpine already" };
    await serve({
      operationStatus: async () => operation(),
      operationWait: async () => operation({ state: "failed", error }),
    });
    const { stderr, code } = await host.run(["operation", "wait", opId]);
    expect({ stderr, code }).toEqual({
      stderr: expect.stringContaining(`banger: ${error.message} (${opId})\n`) as string,
      code: 73,
    });
  });

  it.each([
    [[], "left, and the operation goes on", 0],
    [["--cancel-on-interrupt"], "cancelling", 1],
  ])("at Ctrl-C with %j: %s", async (flags, text, cancels) => {
    const cancelled = Promise.withResolvers<void>();
    let asked = 0;
    await serve({
      operationStatus: async () => operation(),
      operationCancel: async () => {
        asked++;
        cancelled.resolve();
        return operation({ cancelling: true });
      },
      operationWait: async (_, { emit, signal }) => {
        await emit("progress", { text: "waits", number: 0 });
        const left = new Promise<never>((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason as Error));
        });
        await Promise.race([cancelled.promise, left]);
        return operation({ state: "cancelled", error: { code: "cancelled", message: "image.import: cancelled" } });
      },
    });
    const waiting = host.spawn(["operation", "wait", opId, ...flags]);
    const ended = endOf(waiting);
    waiting.stderr?.once("data", () => waiting.kill("SIGINT"));
    const { stderr, code } = await ended;
    expect({ code, asked }).toEqual({ code: 130, asked: cancels });
    expect(stderr).toContain(text);
    expect(stderr.includes("cancelling")).toBe(cancels === 1);
  });
});

it("operation show and ls say what there is to say, whatever an operation calls itself", async () => {
  const steps = [{ step: "tap", phase: "undone" as const, began_ms: 3, took_ms: 12 }];
  await serve({
    operationStatus: async () =>
      operation({
        state: "interrupted",
        found: "undone",
        steps,
        error: { code: "disconnected", message: "vm.start: the daemon\u001b[2J ended before it did" },
      }),
    operationList: async () => ({ operations: [operation({ caller_uid: undefined, state: "ok" })] }),
  });
  const { stdout } = await host.run(["operation", "show", "last"]);
  expect(stdout).toMatch(/^state +interrupted$/m);
  expect(stdout).toMatch(/^found +the next start found it undone$/m);
  expect(stdout).toMatch(/^tap +undone +\+3\.0 ms +12 ms$/m);
  expect(stdout).toContain(`\`banger trace show ${opId}\` shows its trace`);
  expect(stdout).not.toContain("\u001b");
  expect((await host.run(["operation", "ls"])).stdout).toMatch(/^op-\w+ +image\.import +- +ok +bangerd +1\.0 ms +\d+/m);
  expect((await host.run(["operation", "ls", "-q"])).stdout).toBe(`${opId}\n`);
});
