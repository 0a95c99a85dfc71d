import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { HelperLink } from "../../src/daemon/helper/helper-link.ts";
import { createFirecrackerDriver } from "../../src/daemon/vmm/firecracker/firecracker-driver.ts";
import { createPeerCredentials } from "../../src/rpc/peer-credentials.ts";
import { Spans } from "../../src/telemetry/spans.ts";
import { startTracer } from "../../src/telemetry/tracer.ts";

const forEver = new AbortController().signal;
const spec = {
  vmId: "00112233445566ff",
  generation: 1,
  kernelId: "a",
  imageId: "b",
  diskKind: "copy",
  cpus: 1,
  memoryMib: 256,
  mac: "02:00:00:00:00:02",
  network: false,
  volumes: [],
  accelerator: "kvm",
} as const;
let directory: string;
let program: ChildProcess;
let printed: string;
const at = (name: string) => join(directory, name);

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "banger-program-"));
  printed = "";
  writeFileSync(at("root"), "");
  truncateSync(at("root"), 64 * 2 ** 20);
  execFileSync("mkfifo", [at("metrics")]);
});
afterEach(async () => {
  if (program.exitCode === null) {
    program.kill("SIGKILL");
    await once(program, "exit");
  }
  rmSync(directory, { recursive: true });
});

/** A kernel that was imported, and the modules of its initrd, in which there is no init. */
function kernel(): string {
  const state = execFileSync("scripts/guest-state", { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  const [digest = ""] = readdirSync(join(state, "kernels"));
  return join(state, "kernels", digest);
}

async function startProgram() {
  const args = [
    "test/support/firecracker/program.ts",
    "--id",
    "test",
    "--api-sock",
    at("api"),
    "--log-path",
    at("log"),
  ];
  program = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  program.stdout?.setEncoding("utf8").on("data", (text: string) => (printed += text));
  await expect.poll(() => existsSync(at("api"))).toBe(true);
  const files = { kernel: join(kernel(), "vmlinux"), initrd: join(kernel(), "initrd"), root_disk: at("root") };
  const sockets = { api_socket: at("api"), vsock_socket: at("vsock"), vsock: at("vsock") };
  const metrics = { metrics: at("metrics"), metrics_file: at("metrics") };
  const places = { ...sockets, ...metrics, ...files, volumes: [] };
  return { pid: program.pid, started_at: new Date().toISOString(), firecracker: places };
}

it("a program in Firecracker's place boots a kernel by its API, and ends with it", async () => {
  const driver = createFirecrackerDriver({
    helper: { call: startProgram } as unknown as HelperLink,
    layout: {
      sockets: () => ({ api: at("api"), vsock: at("vsock") }),
      metrics: () => at("metrics"),
      tap: () => "none",
      vm: () => ({ firecracker: at("firecracker.json") }),
    },
    ownerUid: 61_000,
    peerOf: createPeerCredentials(),
    spans: new Spans(startTracer("bangerd", () => undefined)),
    complain: (error) => {
      throw error;
    },
  });
  await driver.launch(spec, forEver);
  const vmm = await driver.connect(spec.vmId, forEver);
  expect(vmm.condition).toBe("prelaunch");
  await vmm.boot(forEver);
  await vmm.pause(forEver);
  expect(await vmm.stats(forEver)).toEqual({ disk: { readBytes: 0, writtenBytes: 0 } });
  const stream = vmm.openAgent(forEver);
  (await stream).destroy();
  const exit = once(program, "exit");
  await vmm.boot(forEver);
  expect(await vmm.lost).toEqual({ said: undefined });
  expect(await exit).toEqual([0, null]);
  expect(printed).toMatch(/Kernel panic - not syncing/);
});
