import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SpanRecord } from "../../src/telemetry/span-record.ts";
import { version } from "../../src/version.ts";
import { Installation, type Process } from "../support/installation.ts";
import { askJaeger, findJaeger, startJaeger, traceInJaeger } from "../support/jaeger.ts";
import { resourcesOf, spansFromOtlp } from "../support/otlp-spans.ts";
import { firstStart } from "../support/start-tree.ts";
import { expectInvariants, shapeOf, treeOf } from "../support/trace-tree.ts";

const { jaeger, missing } = await findJaeger();

/** As docker-compose.jaeger.yml has it, but that both are on one host: Jaeger has the usual ports. */
const collectorEnv = {
  OTLP_LISTEN: "127.0.0.1:5318",
  HEALTH_LISTEN: "127.0.0.1:5133",
  JAEGER_OTLP: "http://127.0.0.1:4318",
};
const collectorArgs = ["config", "debug"].map((name) => `--config=deploy/otel-collector/${name}.yaml`);
const daemonEnv = {
  OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:5318",
  OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: "http://127.0.0.1:5318/v1/logs",
  OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: "http/protobuf",
  OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
  OTEL_EXPORTER_OTLP_TIMEOUT: "1000",
  OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test",
};

/** What `daemon status` says of the export. */
interface Exporting {
  readonly failed: number;
  readonly last_error: { readonly text: string } | null;
}

const inOrder = (spans: readonly SpanRecord[]) => spans.toSorted((a, b) => (a.span_id < b.span_id ? -1 : 1));

describe.skipIf(missing !== undefined)(`in a Jaeger${missing === undefined ? "" : ` (${missing})`}`, () => {
  let host: Installation;
  let collector: Process;
  let began: number;
  /** The op_id of each command. */
  const ops = new Map<string, string>();

  beforeAll(async () => {
    host = await Installation.create({ guest: true });
    await startJaeger(host.sandbox, jaeger);
    collector = await startJaeger(host.sandbox, jaeger, collectorArgs, collectorEnv);
    await host.startHelper();
    await host.startDaemon(daemonEnv);
    began = Date.now();
    await did("create", "vm", "create", "--name", "web", "--accel", "tcg");
    await did("start", "vm", "start", "web");
    await did("exec", "vm", "exec", "web", "--", "uname", "-a");
    await did("delete", "vm", "delete", "--force", "web");
    await did("nobody", "vm", "start", "nobody");
    await did("create again", "vm", "create", "--name", "broken");
    await host.replaceQemu("echo no such machine >&2; exit 1");
    await did("broken", "vm", "start", "broken");
  }, 120_000);
  afterAll(() => host[Symbol.asyncDispose]());

  const did = async (name: string, ...argv: string[]) => {
    await host.banger(argv);
    ops.set(name, await host.lastOperation());
  };
  const exporting = async () => (await host.ok<{ telemetry: Exporting }>("daemon", "status")).telemetry;
  const opOf = (name: string) => ops.get(name) ?? "";
  /** A whole trace: as many spans as the daemon keeps. */
  const traceOf = async (name: string) => {
    const kept = await host.spansOf(opOf(name));
    const fetched = async () => spansFromOtlp(await traceInJaeger(host.sandbox, opOf(name)));
    await expect.poll(async () => (await fetched()).length, { timeout: 10_000 }).toBe(kept.length);
    return { kept, fetched: await fetched() };
  };
  const failed = (spans: readonly SpanRecord[]) =>
    spans
      .filter(({ status }) => status === "error")
      .map(({ service, name, attributes }) => [`${service} ${name}`, attributes["error.type"]]);

  it("a start is the tree that is expected, whole, as the daemon keeps it", async () => {
    const { kept, fetched } = await traceOf("start");
    expectInvariants(fetched, opOf("start"));
    expect(shapeOf(treeOf(fetched))).toEqual(firstStart("tcg"));
    expect(inOrder(fetched)).toEqual(inOrder(kept));
  });

  it("stages are events, and a span says what it acted on", async () => {
    const { fetched } = await traceOf("start");
    const of = (service: string, name: string) =>
      fetched.find((span) => span.service === service && span.name === name);
    const stages = of("bangerd", "vm.start")?.events?.map(({ attributes }) => Object.values(attributes).join(" "));
    expect(stages?.slice(0, 4)).toEqual([
      "preflight started",
      "preflight completed",
      "bridge started",
      "bridge completed",
    ]);
    expect(stages).toHaveLength(28);
    const id = String(of("bangerd", "step vmm")?.attributes["banger.vm.id"]);
    expect(of("bangerd", "step initrd")?.attributes["file.path"]).toBe(host.layout.vm(id).initrd);
    expect(of("bangerd", "step disk")?.attributes["file.path"]).toContain(host.layout.vm(id).directory);
    expect(of("bangerd", "step boot")?.events).toMatchObject([{ name: "qmp", attributes: { "rpc.method": "cont" } }]);
    expect(of("bangerd-root", "tap make")?.attributes["network.interface.name"]).toBe(host.layout.tap(id));
    expect(of("bangerd-root", "rules put")?.attributes["banger.nft.table"]).toBe(host.layout.table);
    expect(of("bangerd-root", "forwarding on")?.attributes["file.path"]).toBe("/proc/sys/net/ipv4/ip_forward");
    expect(of("bangerd-root", "qemu starting")?.attributes["process.executable.name"]).toBe("qemu-system-x86_64");
    expect(of("guest", "boot.kernel")?.attributes["banger.vm.id"]).toBe(id);
  });

  it("there are four services, each with its process as its resource", async () => {
    const answer = await askJaeger<{ services: string[] }>(host.sandbox, "/api/v3/services");
    // Jaeger traces what it is asked, too.
    const others = answer?.services.filter((service) => service !== "jaeger");
    expect(others?.toSorted()).toEqual(["banger", "bangerd", "bangerd-root", "guest"]);
    const resources = resourcesOf(await traceInJaeger(host.sandbox, opOf("start")));
    const common = { "deployment.environment.name": "test", "os.type": "linux" };
    const uuid = expect.stringMatching(/^[0-9a-f-]{36}$/) as string;
    const process = { ...common, "service.version": version, "service.instance.id": uuid };
    const name = (await host.sandbox.root("hostname")).trim();
    expect(resources).toMatchObject({
      banger: { ...process, "host.name": name, "process.pid": expect.any(Number) as number },
      bangerd: { ...process, "host.name": name, "process.pid": host.daemon?.pid },
      "bangerd-root": { ...process, "host.name": name, "process.pid": host.helper?.pid },
      guest: {
        ...common,
        "host.name": "web",
        "service.instance.id": expect.stringMatching(/^[0-9a-f]{16}$/) as string,
      },
    });
  });

  it("who calls whom is the picture of the architecture", async () => {
    const window = `endTs=${Date.now() + 60_000}&lookback=${Date.now() - began + 120_000}`;
    const answer = await askJaeger<{ data: { parent: string; child: string; callCount: number }[] }>(
      host.sandbox,
      `/api/dependencies?${window}`,
    );
    // Of one service's spans below each other Jaeger makes an arrow too.
    const between = answer?.data.filter(({ parent, child }) => parent !== child) ?? [];
    expect(between.map(({ parent, child }) => `${parent} → ${child}`).toSorted()).toEqual([
      "banger → bangerd",
      "bangerd → bangerd-root",
      "bangerd → guest",
    ]);
  });

  it("what is done with a VM links to its start", async () => {
    for (const name of ["exec", "delete"]) {
      const links = (await traceOf(name)).fetched.flatMap((span) => span.links.map((link) => link.trace_id));
      expect(links.map((trace) => `op-${trace}`)).toEqual([opOf("start")]);
    }
  });

  it("an error is on each span that it went through, with its type and words", async () => {
    const nobody = (await traceOf("nobody")).fetched;
    expectInvariants(nobody, opOf("nobody"));
    expect(failed(nobody)).toEqual(
      expect.arrayContaining([
        ["banger banger vm start", "not_found"],
        ["banger call vm.start", "not_found"],
        ["bangerd vm.start", "not_found"],
      ]),
    );
    const broken = (await traceOf("broken")).fetched;
    expectInvariants(broken, opOf("broken"));
    expect(failed(broken).map(([span]) => span)).toEqual(
      expect.arrayContaining([
        "banger banger vm start",
        "banger call vm.start",
        "bangerd vm.start",
        "bangerd step vmm",
        "bangerd call vmm.start",
        "bangerd-root vmm.start",
      ]),
    );
    expect(broken.find(({ name }) => name === "step vmm")?.status_message).toContain("no such machine");
    expect(broken.map(({ name }) => name)).toContain("undo tap");
  });

  it("the collector got the daemon's log too, by op_id, and took everything", async () => {
    const said = () => collector.log.map((record) => JSON.stringify(record)).join("\n");
    await expect.poll(said, { timeout: 15_000 }).toMatch(new RegExp(`Trace ID: ${opOf("start").slice(3)}`));
    expect(said()).toMatch(/Body: Str\(operation stage\)/);
    expect(said()).toMatch(/service\.name: Str\(bangerd\)/);
    expect(said()).toMatch(/banger\.vm\.name: Str\(web\)/);
    expect(await exporting()).toMatchObject({ failed: 0, rejected: 0, dropped: 0, last_error: null });
  });

  it.each([
    ["the collector", 5133],
    ["Jaeger", 13133],
  ])("%s says that it is well where the compose file asks", async (_, port) => {
    const ask = `fetch("http://127.0.0.1:${port}/status").then((answer) => console.log(answer.status))`;
    expect((await host.sandbox.run(["node", "-e", ask])).stdout).toBe("200\n");
  });

  it("a collector in a black hole changes no command; what it missed is counted and said, and it gets what comes then", async () => {
    const timed = async () => {
      const from = performance.now();
      await host.ok("network", "up");
      return performance.now() - from;
    };
    const quick = await timed();
    const before = await exporting();
    await host.sandbox.root(`nft 'add table inet hole; add chain inet hole in { type filter hook input priority 0; }
      add rule inet hole in tcp dport 5318 drop'`);
    for (let n = 0; n < 3; n++) expect(await timed()).toBeLessThan(quick + 1_000);
    await expect.poll(async () => (await exporting()).failed, { timeout: 10_000 }).toBeGreaterThan(before.failed);
    expect((await exporting()).last_error?.text).toMatch(/time|no whole answer/i);
    await host.sandbox.root("nft delete table inet hole");
    await did("after", "network", "up");
    await traceOf("after");
    const again = (record: { message: string }) => record.message.startsWith("traces are exported again");
    await expect.poll(() => host.daemon?.log.some(again), { timeout: 10_000 }).toBe(true);
  });

  it("a daemon ends as soon with the collector as without", async () => {
    const from = performance.now();
    await host.daemon?.end();
    expect(performance.now() - from).toBeLessThan(3_000);
  });

  it("what is sent as protobuf is the same", async () => {
    await host.startDaemon({ ...daemonEnv, OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "http/protobuf" });
    await did("as protobuf", "network", "up");
    const { kept, fetched } = await traceOf("as protobuf");
    expect(inOrder(fetched)).toEqual(inOrder(kept));
  });
});
