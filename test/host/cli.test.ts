import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Installation } from "../support/installation.ts";
import { noSandbox } from "../support/sandbox.ts";

describe.skipIf(noSandbox)(`the CLI${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let host: Installation;
  beforeAll(async () => {
    host = await Installation.start();
  });
  afterAll(() => host[Symbol.asyncDispose]());

  it.each([
    [["vm", "show", "nope"], 66, "not_found"],
    [["vm", "create"], 66, "not_found"],
    [["vm", "create", "--name", "Not-A-Name"], 64, "bad_params"],
    [["vm", "create", "--cpus", "0"], 64, "bad_params"],
    [["image", "import", "/no/such/file", "--name", "x"], 66, "not_found"],
    [["image", "import", "/etc/passwd", "--name", "x"], 65, "bad_content"],
    [["image", "import", "/etc", "--name", "x"], 65, "bad_content"],
    [["kernel", "import", "/etc/passwd", "--modules", "/lib"], 65, "bad_content"],
    [["kernel", "import", "/etc/passwd"], 65, "bad_content"],
    [["trace", "show", "0000"], 66, "not_found"],
    [["trace", "show", "xyz"], 64, "bad_params"],
    [["vm", "frobnicate"], 64, "usage"],
    [["vm", "create", "--memory", "32M"], 64, "usage"],
    [["vm", "delete", "--force", "nope"], 66, "not_found"],
  ])("%j exits with %i and says %s", async (argv, exit, code) => {
    const answer = await host.banger(argv);
    expect(answer.error().code).toBe(code);
    expect(answer.code).toBe(exit);
    expect(answer.stdout).toBe("");
  });

  it("names for a person the operation, the field, the next step and the op_id", async () => {
    const { stderr } = await host.person(["vm", "create", "--cpus", "0"]);
    expect(stderr).toMatch(/^banger: vm\.create: cpus: .* \(op-[0-9a-f]{32}\)\n.*--help.*\[bad_params\]\n$/);
  });

  it("prints a failed operation's trace under the op_id that the error named", async () => {
    const answer = await host.banger(["vm", "create"]);
    const trace = await host.person(["trace", "show", answer.error().op_id]);
    expect(trace.stdout).toContain("vm.create");
    expect(trace.stdout).toContain("✗ vm.create: image: there is none yet");
  });

  it("gives OTLP JSON for programs, and the same tree for people without colours when piped", async () => {
    await host.ok("network", "up");
    const otlp = await host.ok<{ resourceSpans: { resource: unknown; scopeSpans: { spans: { name: string }[] }[] }[] }>(
      "trace",
      "show",
      "last",
    );
    expect(otlp.resourceSpans).toHaveLength(3);
    const { stdout } = await host.person(["trace", "show", "last"]);
    expect(stdout).not.toContain("\u001b");
    for (const { name } of otlp.resourceSpans.flatMap((r) => r.scopeSpans).flatMap((s) => s.spans))
      expect(stdout).toContain(name);
  });

  it.each(["01", "03", "ff"])(
    "links to the trace that its environment names with flags %s, and does not join it",
    async (flags) => {
      const job = "4bf92f3577b34da6a3ce929d0e0e4736";
      await host.banger(["network", "up"], { env: { TRACEPARENT: `00-${job}-00f067aa0ba902b7-${flags}` } });
      const opId = await host.lastOperation();
      expect(opId).not.toBe(`op-${job}`);
      const spans = await host.spansOf(opId);
      expect(spans.find((span) => span.parent_span_id === undefined)?.links).toEqual([
        { trace_id: job, span_id: "00f067aa0ba902b7" },
      ]);
    },
  );

  it("keeps no operation of what only reads, and names an operation when that fails", async () => {
    const before = await host.lastOperation();
    await host.ok("vm", "ls");
    const answer = await host.banger(["vm", "show", "nope"]);
    expect(await host.lastOperation()).toBe(before);
    expect(answer.error().op_id).toMatch(/^op-[0-9a-f]{32}$/);
    await host.daemon?.logged(
      (record) => record["op_id"] === answer.error().op_id && record["operation"] === "vm.show",
    );
  });

  it("tells a field's bounds, also of a number below zero", async () => {
    const { code, stderr } = await host.person(["vm", "create", "--cpus", "-1"]);
    expect(stderr).toMatch(/^banger: vm\.create: cpus: must be a whole number from 1 to 64 /);
    expect(code).toBe(64);
  });

  it("says how to start a daemon that isn't running", async () => {
    await host.daemon?.end();
    const { code, stderr } = await host.person(["vm", "ls"]);
    expect(code).toBe(69);
    expect(stderr).toMatch(/can't connect to .*bangerd\.sock: ENOENT .*\nStart it: `bangerd`/);
  });
});
