import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { version } from "../../../src/version.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "banger-boundaries-"));
  copyFileSync("tsconfig.json", join(directory, "tsconfig.json"));
  symlinkSync(resolve("node_modules"), join(directory, "node_modules"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const config = resolve(".dependency-cruiser.cjs");
const cruise = () => spawnSync("depcruise", ["--config", config, "src"], { cwd: directory, encoding: "utf8" });

// The checker's own failure is silent, so a violation of each rule is seeded.
it.each([
  ["telemetry-is-a-leaf", "src/telemetry/a.ts", "src/rpc/b.ts"],
  ["the-wire-knows-no-process", "src/rpc/a.ts", "src/daemon/b.ts"],
  ["the-archive-is-a-leaf", "src/archive/a.ts", "src/rpc/b.ts"],
  ["the-installation-knows-only-node", "src/installation/a.ts", "src/rpc/b.ts"],
  ["the-setup-knows-no-process", "src/setup/a.ts", "src/cli/b.ts"],
  ["only-the-cli-sets-up", "src/daemon/a.ts", "src/setup/b.ts"],
  ["the-datagrams-are-a-leaf", "src/datagram/a.ts", "src/telemetry/b.ts"],
  ["the-service-is-a-leaf", "src/service/a.ts", "src/rpc/b.ts"],
  ["daemon-imports-no-other-process", "src/daemon/a.ts", "src/helper/b.ts"],
  ["helper-imports-no-other-process", "src/helper/a.ts", "src/daemon/b.ts"],
  ["cli-imports-no-other-process", "src/cli/a.ts", "src/daemon/b.ts"],
  ["only-telemetry-imports-opentelemetry-and-pino", "src/rpc/a.ts", "pino"],
  ["the-helper-has-no-packages-of-its-own", "src/helper/a.ts", "zod"],
])("%s is enforced", { timeout: 30_000 }, (rule, from, to) => {
  const relative = to.startsWith("src/") ? `../${to.slice(4)}` : to;
  for (const [path, text] of [
    [from, `import { b } from "${relative}";\nexport const a = b;\n`],
    ...(to.startsWith("src/") ? [[to, "export const b = 1;\n"] as const] : []),
  ] as const) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), text);
  }
  const { status, stdout } = cruise();
  expect(stdout).toContain(rule);
  expect(status).not.toBe(0);
});

it("what may be imported passes", () => {
  mkdirSync(join(directory, "src/daemon"), { recursive: true });
  mkdirSync(join(directory, "src/rpc"), { recursive: true });
  writeFileSync(join(directory, "src/daemon/a.ts"), 'import { b } from "../rpc/b.ts";\nexport const a = b;\n');
  writeFileSync(join(directory, "src/rpc/b.ts"), "export const b = 1;\n");
  expect(cruise().status).toBe(0);
});

it("this build's version is the package's", () => {
  expect(version).toBe((JSON.parse(readFileSync("package.json", "utf8")) as { version: string }).version);
});

it("generated files are what the contract says", () => {
  expect(() => execFileSync("node", ["scripts/generate.ts", "--check"], { stdio: "pipe" })).not.toThrow();
});
