import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Installation, Process } from "../support/installation.ts";
import { noSandbox } from "../support/sandbox.ts";
import { networkSteps } from "../support/start-tree.ts";
import { expectInvariants, shapeOf, treeOf } from "../support/trace-tree.ts";

/** Takes OTLP and writes the body of each request to a file, a line each. */
const receiver = (answer: string) => `
  const fs = require("node:fs");
  require("node:http").createServer((request, response) => {
    const parts = [];
    request.on("data", (part) => parts.push(part)).on("end", () => {
      fs.appendFileSync("/mnt/tmp/received" + request.url.replaceAll("/", "-"), Buffer.concat(parts) + "\\n");
      ${answer}
    });
  }).listen(4318, "127.0.0.1", () => console.log('{"message":"receiver ready"}'));`;

describe.skipIf(noSandbox)(`the daemon${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let host: Installation;
  beforeEach(async () => {
    host = await Installation.create();
    await host.startHelper();
  });
  afterEach(() => host[Symbol.asyncDispose]());

  const collector = async (answer: string) => {
    const process = new Process(host.sandbox, host.sandbox.spawn(["node", "-e", receiver(answer)]));
    await process.logged((record) => record.message === "receiver ready");
  };
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318" };

  it("has one trace from the command through daemon and helper to what the kernel is asked", async () => {
    await host.startDaemon();
    await host.ok("network", "up");
    const opId = await host.lastOperation();
    const spans = await host.spansOf(opId);
    expectInvariants(spans, opId);
    expect(shapeOf(treeOf(spans))).toEqual([
      "banger banger network up",
      [
        "banger call network.up",
        [
          "bangerd network.up",
          ...networkSteps,
          [
            "bangerd step dns",
            ["bangerd call resolver.set", ["bangerd-root resolver.set", ["bangerd-root names link remove"]]],
          ],
        ],
      ],
    ]);
  });

  it("takes what a command left that gave it up, as soon as it answers", async () => {
    await host.startDaemon();
    const left = {
      op_id: `op-${"a".repeat(32)}`,
      operation: "banger vm start",
      at: new Date().toISOString(),
      spans: [],
    };
    const path = `${host.layout.unsent}/${left.op_id}.json`;
    const leave = `mkdir -p ${host.layout.unsent}; printf %s '${JSON.stringify(left)}' > ${path}`;
    expect((await host.sandbox.run(["sh", "-c", leave])).code).toBe(0);
    await host.ok("vm", "ls");
    await host.daemon?.logged((record) => record["op_id"] === left.op_id);
    await expect.poll(() => host.sandbox.root(`ls -d ${host.layout.unsent} || echo gone`)).toBe("gone\n");
  });

  it("has no spans of a helper whose spans are silenced: nobody else makes them", async () => {
    const socket = host.layout.helperSocket;
    await host.sandbox.root(`mv ${socket} ${socket}.behind`);
    const proxy = new Process(
      host.sandbox,
      host.sandbox.spawn(["node", "test/support/silencing-proxy.ts", socket, `${socket}.behind`, "61000"], {
        as: "root",
      }),
    );
    await proxy.logged((record) => record.message === "proxy ready");
    await host.startDaemon();
    await host.ok("network", "up");
    const spans = await host.spansOf(await host.lastOperation());
    expect(spans.map((span) => span.name)).toContain("call bridge.ensure");
    expect(spans.filter((span) => span.service === "bangerd-root")).toEqual([]);
  });

  it("exports every span of an operation by OTLP, the CLI's and the helper's too", async () => {
    await collector('response.setHeader("content-type", "application/json").end("{}");');
    await host.startDaemon(endpoint);
    await host.ok("network", "up");
    const opId = await host.lastOperation();
    const kept = await host.spansOf(opId);
    await host.daemon?.end();
    const requests = (await host.sandbox.root("cat /mnt/tmp/received-v1-traces")).trim().split("\n");
    const exported = requests
      .map(
        (line) =>
          JSON.parse(line) as {
            resourceSpans: {
              resource: { attributes: { value: { stringValue: string } }[] };
              scopeSpans: { spans: { traceId: string; spanId: string; name: string }[] }[];
            }[];
          },
      )
      .flatMap((request) => request.resourceSpans)
      .flatMap(({ resource, scopeSpans }) =>
        scopeSpans.flatMap(({ spans }) =>
          spans.map((span) => ({ ...span, service: resource.attributes[0]?.value.stringValue })),
        ),
      )
      .filter((span) => `op-${span.traceId}` === opId);
    const name = (span: { service?: string | undefined; name: string }) => `${span.service} ${span.name}`;
    expect(exported.map(name).toSorted()).toEqual(kept.map(name).toSorted());
  });

  it.each([
    ["isn't there", undefined, /ECONNREFUSED/],
    ["refuses", "response.writeHead(503).end();", /answered 503/],
    [
      "asks for an hour's patience",
      'response.writeHead(429, { "retry-after": "3600" }).end();',
      /answered 429|asked to wait/,
    ],
    ["never answers", "", /time|no whole answer/i],
  ])("is held up by nothing when its collector %s, counts what was lost, and says why", async (_, answer, why) => {
    if (answer !== undefined) await collector(answer);
    await host.startDaemon({
      ...endpoint,
      OTEL_EXPORTER_OTLP_TIMEOUT: "500",
      OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: "http://127.0.0.1:4318/v1/logs",
    });
    for (let n = 0; n < 5; n++) await host.ok("network", "up");
    const told = async () =>
      (
        await host.ok<{ telemetry: { exported: number; failed: number; last_error: { text: string } | null } }>(
          "daemon",
          "status",
        )
      ).telemetry;
    await expect.poll(async () => (await told()).failed, { timeout: 10_000 }).toBeGreaterThan(0);
    expect(await told()).toMatchObject({ exported: 0, last_error: { text: expect.stringMatching(why) as string } });
    const began = Date.now();
    await host.daemon?.end();
    expect(await host.daemon?.ended).toBe(0);
    // The exporter alone would wait for 10 seconds.
    expect(Date.now() - began).toBeLessThan(4_000);
  });

  it("sends its log to a collector for logs, with the operation's ids", async () => {
    await collector('response.setHeader("content-type", "application/json").end("{}");');
    await host.startDaemon({
      OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: "http://127.0.0.1:4318/v1/logs",
      OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: "http",
    });
    await host.ok("network", "up");
    const opId = await host.lastOperation();
    await expect
      .poll(() => host.sandbox.root("cat /mnt/tmp/received-v1-logs 2>/dev/null || true"), { timeout: 15_000 })
      .toContain(opId.slice(3));
    const sent = await host.sandbox.root("cat /mnt/tmp/received-v1-logs");
    expect(sent).toContain('{"key":"service.name","value":{"stringValue":"bangerd"}}');
    expect(sent).toContain(`{"key":"process.pid","value":{"intValue":${host.daemon?.pid}}}`);
    expect(sent).toMatch(/"flags":1\b/);
    // The conventions' detectors would say it.
    expect(sent).not.toContain("process.command");
  });

  it("counts polls, which have no spans, and says how it runs guests and why", async () => {
    await host.startDaemon();
    const first = await host.ok<{ requests: { polls: number } }>("daemon", "status");
    const second = await host.ok<{ requests: { polls: number } }>("daemon", "status");
    expect(second.requests.polls).toBe(first.requests.polls + 1);
    expect(second).toMatchObject({ helper: "available", accelerator: { why: expect.any(String) as string } });
    const { operations } = await host.ok<{ operations: { name: string }[] }>("trace", "ls");
    expect(operations.map((operation) => operation.name).filter((name) => name.includes("status"))).toEqual([]);
  });

  it("refuses to run as another user, and twice", async () => {
    await host.startDaemon();
    const config = { BANGER_CONFIG: "/mnt/tmp/installation/install.toml" };
    const other = await host.sandbox.run(["bangerd"], { as: "root", env: config });
    expect(other).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/runs as the owner \(uid 61000\)/) as string,
    });
    const again = await host.sandbox.run(["bangerd"], { env: config });
    expect(again).toMatchObject({ code: 1, stderr: expect.stringMatching(/running already/) as string });
    await host.ok("vm", "ls");
  });

  it.each([
    ["root", "root"],
    ["another user", 61_001],
  ] as const)("refuses %s on a socket whose mode was opened, and writes that down", async (_, as) => {
    await host.startDaemon();
    await host.sandbox.root(`chmod 777 ${host.file.runDir}; chmod 666 ${host.layout.daemonSocket}`);
    const asked = await host.sandbox.run(["node", "test/support/call.ts", host.layout.daemonSocket, "vm.list", "{}"], {
      as,
    });
    expect(JSON.parse(asked.stdout)).toMatchObject({ error: { code: "not_owner" } });
    const uid = as === "root" ? 0 : as;
    expect(await host.daemon?.logged((record) => record.message.startsWith("connection refused"))).toMatchObject({
      peer: { uid },
    });
    const person = await host.person(["vm", "ls"], { as });
    expect(person).toMatchObject({ code: 77, stderr: expect.stringMatching(/as the user who owns/) as string });
  });

  it("answers without its helper, and says what needs one", async () => {
    await host.startDaemon();
    await host.helper?.end();
    await host.ok("vm", "ls");
    const answer = await host.banger(["network", "up"]);
    expect(answer.error()).toMatchObject({ code: "helper_unavailable", details: { step: "bridge" } });
    expect(answer.code).toBe(69);
    await host.startHelper();
    await host.ok("network", "up");
  });

  it("takes no span of an operation that its caller didn't ask for", async () => {
    await host.startDaemon();
    await host.ok("network", "up");
    const opId = await host.lastOperation();
    const before = await host.spansOf(opId);
    const foreign = { ...before[0], span_id: "0123456789abcdef", name: "forged" };
    const { stdout } = await host.sandbox.run([
      "node",
      "test/support/call.ts",
      host.layout.daemonSocket,
      "trace.submit",
      JSON.stringify({ spans: [foreign] }),
    ]);
    expect(JSON.parse(stdout)).toMatchObject({ result: { accepted: 0 } });
    expect(await host.spansOf(opId)).toHaveLength(before.length);
  });

  it("takes spans of an operation that no daemon took part in, and shows them", async () => {
    await host.startDaemon();
    const trace = "7".repeat(32);
    const span = {
      trace_id: trace,
      span_id: "0123456789abcdef",
      service: "banger",
      name: "banger system install",
      kind: "internal",
    };
    const times = {
      start_ns: "1764000000000000000",
      end_ns: "1764000001000000000",
      status: "unset",
      attributes: {},
      links: [],
    };
    const submit = (params: object) =>
      host.sandbox.run([
        "node",
        "test/support/call.ts",
        host.layout.daemonSocket,
        "trace.submit",
        JSON.stringify(params),
      ]);
    expect(JSON.parse((await submit({ spans: [{ ...span, ...times }] })).stdout)).toMatchObject({
      result: { accepted: 1 },
    });
    expect(await host.spansOf(`op-${trace}`)).toMatchObject([{ name: "banger system install" }]);
    expect(JSON.parse((await submit({ spans: [{ ...span, ...times }] })).stdout)).toMatchObject({
      result: { accepted: 0 },
    });
  });

  it.each([
    ["noise", "head -c 100000 /dev/urandom"],
    ["one frame without an end", "head -c 3000000 /dev/zero | tr '\\0' x"],
    ["deeply nested JSON", "head -c 900000 /dev/zero | tr '\\0' '['; echo"],
  ])("survives %s on its socket", async (_, bytes) => {
    await host.startDaemon();
    await host.sandbox.run(["bash", "-c", `(${bytes}) | timeout 2 socat - UNIX-CONNECT:${host.layout.daemonSocket}`]);
    await host.ok("vm", "ls");
  });
});
