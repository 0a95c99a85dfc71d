import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { findJaeger } from "../support/jaeger.ts";
import { Sandbox } from "../support/sandbox.ts";

const run = promisify(execFile);
const { jaeger, compose, missing } = await findJaeger();
const left = missing === undefined ? "" : ` (${missing})`;

interface Compose {
  readonly services: Record<
    string,
    {
      readonly image: string;
      readonly ports: readonly { readonly host_ip?: string; readonly published: string }[];
      readonly healthcheck?: { readonly test: readonly string[] };
      readonly volumes?: readonly { readonly source: string; readonly read_only?: boolean }[];
    }
  >;
}

describe.skipIf(left !== "")(`docker-compose.jaeger.yml${left}`, () => {
  it("is as Compose's schema has it; images are pinned, ports are loopback's, each service has a health check", async () => {
    const { stdout } = await run(compose, ["docker-compose.jaeger.yml"]);
    const { services } = JSON.parse(stdout) as Compose;
    expect(Object.keys(services).toSorted()).toEqual(["collector", "jaeger"]);
    for (const { image, ports, healthcheck, volumes = [] } of Object.values(services)) {
      expect(image).toMatch(/:\d+\.\d+\.\d+$/);
      expect(ports.map((port) => port.host_ip)).toEqual(ports.map(() => "127.0.0.1"));
      expect(healthcheck?.test.length).toBeGreaterThan(1);
      expect(volumes.every((volume) => volume.read_only === true)).toBe(true);
    }
    const published = Object.values(services).flatMap(({ ports }) => ports.map((port) => port.published));
    expect(published.toSorted()).toEqual(["16686", "4318"]);
  });
});

describe.skipIf(left !== "")(`deploy/otel-collector${left}`, () => {
  it.each<[string, readonly string[], RegExp]>([
    ["by itself", ["config"], /^$/],
    ["with debug.yaml", ["config", "debug"], /^$/],
    // Jaeger has no receiver for the journal; of everything else it says what is wrong.
    ["with journal.yaml", ["config", "journal"], /^(?=.*unknown type: "journald")(?!.*unknown type: "(?!journald))/s],
    ["with both", ["config", "debug", "journal"], /unknown type: "journald"/],
  ])("config.yaml, %s, is understood", async (_, names, complaint) => {
    await using sandbox = await Sandbox.start();
    const args = names.map((name) => `--config=deploy/otel-collector/${name}.yaml`);
    const { code, stderr } = await sandbox.run([jaeger, "validate", ...args]);
    expect(code === 0 ? "" : stderr).toMatch(complaint);
  });
});
