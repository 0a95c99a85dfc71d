import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { attackNames, type Damage } from "../support/attacks.ts";
import { Installation, type Process } from "../support/installation.ts";
import { noSandbox } from "../support/sandbox.ts";

/** The answers to the odd frames, in their order: the same of both servers. */
const oddAnswers = [
  ...Array<RegExp>(5).fill(/"code":"bad_frame"/),
  /"id":"","result"/,
  ...Array<RegExp>(2).fill(/"id":null,"error":\{"code":"bad_frame"/),
  ...Array<RegExp>(3).fill(/"result"/),
  ...Array<RegExp>(8).fill(/"code":"unknown_method"/),
  ...Array<RegExp>(2).fill(/"code":"bad_version"/),
  /"code":"bad_params"/,
  /"code":"(unknown_method|internal)"|"accepted":0/,
  /"code":"unknown_method"/,
  /"result"/,
  /"code":"bad_frame"/,
  ...Array<RegExp>(2).fill(/"code":"bad_frame","message":"a frame is not JSON"/),
  /"result"/,
  /"code":"unknown_method"/,
  ...Array<RegExp>(2).fill(/"code":"bad_frame","message":"a frame is not JSON"/),
  /"code":"frame_too_large"/,
  /"code":"bad_params"/,
  /"result"/,
];

describe.skipIf(noSandbox)(`a hostile client of the owner's${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let host: Installation;
  beforeAll(async () => {
    host = await Installation.start();
  });
  afterAll(() => host[Symbol.asyncDispose]());

  const servers = {
    daemon: () => ({ socket: host.layout.daemonSocket, ping: "daemon.ping", process: host.daemon as Process }),
    helper: () => ({ socket: host.layout.helperSocket, ping: "helper.ping", process: host.helper as Process }),
  };
  const descriptors = async (process: Process) => Number(await host.sandbox.root(`ls /proc/${process.pid}/fd | wc -l`));

  describe.each(["daemon", "helper"] as const)("of the %s", (name) => {
    it.each(attackNames)("that does this costs neither memory nor anybody else's time: %s", async (attack) => {
      const { socket, ping, process } = servers[name]();
      const before = await descriptors(process);
      const attacker = ["node", "test/support/attacks.ts", socket, ping, String(process.pid), attack];
      const env = { BANGER_ATTACK_SCALE: globalThis.process.env["BANGER_ATTACK_SCALE"] ?? "1" };
      const { stdout, stderr } = await host.sandbox.run(attacker, { env });
      if (stdout === "") throw new Error(stderr);
      const damage = JSON.parse(stdout) as Damage;
      if (globalThis.process.env["BANGER_ATTACK_SHOW"]) console.log(name, stdout);
      expect(damage.grownMiB).toBeLessThan(200);
      expect(damage.worstPingMs).toBeLessThan(2_000);
      expect(process.over).toBe(false);
      if (attack === "odd frames") {
        for (const [index, answer] of damage.answers.entries()) expect(answer).toMatch(oddAnswers[index] ?? /$^/);
      } else for (const answer of damage.answers) expect(answer).toMatch(/"result"/);
      // What was told to leave has a second for it.
      await expect.poll(() => descriptors(process), { timeout: 5_000 }).toBeLessThanOrEqual(before + 2);
    });

    it("a socket's file that is removed is made anew, with its mode and owner", async () => {
      const { socket, ping, process } = servers[name]();
      const look = `stat -c '%a %u %g' ${socket}`;
      const before = await host.sandbox.root(look);
      await host.sandbox.root(`rm ${socket}`);
      await process.logged((record) => record.message === "the socket's file was removed: it is made anew");
      await host.sandbox.root(`until [ -S ${socket} ]; do :; done`);
      await expect.poll(() => host.sandbox.root(look)).toBe(before);
      const { stdout } = await host.sandbox.run(["node", "test/support/call.ts", socket, ping]);
      expect(JSON.parse(stdout)).toHaveProperty("result");
    });
  });

  it("bangerd says of a variable of OpenTelemetry's that it can't heed, and ends", async () => {
    const env = { BANGER_CONFIG: "/mnt/tmp/installation/install.toml", OTEL_EXPORTER_OTLP_ENDPOINT: "http://c" };
    const ended = await host.sandbox.run(["bangerd"], { env: { ...env, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" } });
    const stderr = 'bangerd: OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" isn\'t known; http/json, http/protobuf are\n';
    expect(ended).toMatchObject({ code: 1, stdout: "", stderr });
  });

  it("daemon status says where traces go", async () => {
    expect(await host.ok("daemon", "status")).toMatchObject({
      telemetry: { endpoint: null, off: "OTEL_EXPORTER_OTLP_ENDPOINT is not set", exported: 0, last_error: null },
    });
    const { stdout } = await host.person(["daemon", "status"]);
    expect(stdout).toMatch(/^traces +kept here, sent nowhere \(OTEL_EXPORTER_OTLP_ENDPOINT is not set\)$/m);
  });
});
