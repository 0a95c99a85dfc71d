import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { KernelService } from "../../../src/daemon/kernel/kernel-service.ts";
import type { OperationContext } from "../../../src/daemon/operation/operations.ts";
import { createRunner, type Run } from "../../../src/daemon/process/run.ts";
import { openDatabase } from "../../../src/daemon/store/database.ts";
import type { Store } from "../../../src/daemon/store/store.ts";
import { layoutOf } from "../../../src/installation/layout.ts";
import { newOpId } from "../../../src/telemetry/op-id.ts";
import { Spans } from "../../../src/telemetry/spans.ts";
import { startTracer } from "../../../src/telemetry/tracer.ts";
import { fakeKernel } from "../../support/fake-kernel.ts";
import { tarArchive } from "../../support/tar-archive.ts";

const real = createRunner({ spans: new Spans(startTracer("test", () => undefined)) });
const drivers = ["virtio-pci", "virtio_blk", "virtio_net", "virtio_console", "ext4"];
let directory: string;
let database: Store;
let source: string;
let asked: string[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "banger-kernel-import-"));
  database = openDatabase(join(directory, "banger.db"));
  source = join(directory, "vmlinuz");
  writeFileSync(source, fakeKernel({ holds: drivers }));
  asked = [];
});
afterEach(() => {
  database.close();
  rmSync(directory, { recursive: true });
});

const layoutHere = () =>
  layoutOf({
    id: "5eed0003",
    ownerUid: 61_000,
    ownerGid: 61_000,
    stateDir: join(directory, "state"),
    runDir: join(directory, "run"),
    helperRunDir: join(directory, "helper"),
    subnet: "10.77.0.0/24",
    uidFirst: 60_706,
    uidCount: 16,
    resolvers: [],
    zone: "vm",
  });
const kernels = (run: Run = real) => new KernelService({ database, layout: layoutHere(), run, now: () => new Date(0) });

/** Imports the source; `during` runs when the initrd is being made. */
async function imported(during: () => void, params: { modules?: string; default?: boolean } = {}) {
  const layout = layoutHere();
  const run: Run = (command) => {
    if (command.file === "stat") asked.push(command.args.at(-1) ?? "");
    return real(command);
  };
  const emit = (_: string, data?: unknown) => {
    if ((data as { text: string }).text === "making the initrd") during();
    return Promise.resolve();
  };
  const context: OperationContext = {
    opId: newOpId(),
    signal: new AbortController().signal,
    emit,
    cancel: () => undefined,
  };
  try {
    return await kernels(run).import({ source, ...params }, context);
  } finally {
    expect(existsSync(layout.scratch) ? readdirSync(layout.scratch) : []).toEqual([]);
  }
}

it("a child asks a kernel's and its modules' file system first, which may hang", async () => {
  const modules = join(directory, "gone");
  await expect(imported(() => undefined, { modules })).rejects.toMatchObject({ code: "not_found" });
  expect(asked).toEqual([modules, source]);
  asked = [];
  await imported(() => undefined);
  expect(asked).toEqual([source]);
});

it.each([
  ["grows", () => appendFileSync(source, "x")],
  ["goes away", () => rmSync(source)],
])("a kernel that %s while it is imported is refused", async (_, during) => {
  await expect(imported(during)).rejects.toMatchObject({
    code: "bad_content",
    plain: `source: ${source} changed while it was read; import it when nothing writes it`,
    details: { field: "source" },
  });
});

it.each(["vmlinux", "initrd"])(
  "a kernel whose %s the host lost at a power cut is missing, and mended by the same import",
  async (name) => {
    const { id, missing } = await imported(() => undefined);
    expect(missing).toBeUndefined();
    const file = join(directory, "state/kernels", id, name);
    const content = readFileSync(file);
    chmodSync(file, 0o644);
    truncateSync(file);
    expect(kernels().find(id)).toMatchObject({ missing: true });
    expect(await imported(() => undefined)).toMatchObject({ id });
    expect(readFileSync(file)).toEqual(content);
    expect(kernels().find(id)).not.toHaveProperty("missing");
  },
);

it("a kernel that gets its files back becomes the default where that is asked for", async () => {
  await imported(() => undefined);
  writeFileSync(source, fakeKernel({ release: "6.2.0-1", holds: drivers }));
  const { id, name } = await imported(() => undefined);
  const lose = () => rmSync(join(directory, "state/kernels", id), { recursive: true });
  lose();
  expect(await imported(() => undefined)).toMatchObject({ id, default: false });
  lose();
  expect(await imported(() => undefined, { default: true })).toMatchObject({ id, default: true });
  expect(kernels().default()).toMatchObject({ name });
});

it.each<[string, (boot: string) => void]>([
  ["a FIFO", (boot) => execFileSync("mkfifo", [join(boot, "vmlinuz-1")])],
  [
    "a link to a FIFO",
    (boot) => {
      execFileSync("mkfifo", [join(boot, "fifo")]);
      symlinkSync("fifo", join(boot, "vmlinuz-1"));
    },
  ],
  ["a device", (boot) => symlinkSync("/dev/zero", join(boot, "vmlinuz-1"))],
  ["a directory", (boot) => mkdirSync(join(boot, "vmlinuz-1"))],
  [
    "in a boot that is a file",
    (boot) => {
      rmSync(boot, { recursive: true });
      writeFileSync(boot, "");
    },
  ],
])("a package whose kernel is %s is refused", async (_, fill) => {
  packedBy(fill);
  await expect(imported(() => undefined)).rejects.toMatchObject({
    code: "bad_content",
    plain: "source: the package holds no kernel; those that do are called linux-image-<release>",
  });
});

it("a package's kernel is found beside what is none", async () => {
  const kernel = join(directory, "kernel");
  cpSync(source, kernel);
  packedBy((boot) => {
    execFileSync("mkfifo", [join(boot, "vmlinuz-1")]);
    cpSync(kernel, join(boot, "vmlinuz-2"));
  });
  await expect(imported(() => undefined)).resolves.toMatchObject({ release: "6.1.0-1" });
});

it.each<[string, Buffer, string]>([
  [
    "unpacks to more than any kernel",
    tarArchive([{ name: "./boot/vmlinuz-1", size: 9 * 1024 ** 3 }]),
    "unpacks to more than 8 GiB, as no kernel does; give its vmlinuz, and its modules with --modules",
  ],
  [
    "is cut off",
    tarArchive([{ name: "./boot/vmlinuz-1", size: 5_000 }], Buffer.alloc(0)),
    "is no whole Debian package",
  ],
])("a package that %s is refused before it is unpacked", async (_, data, why) => {
  const parts = { "debian-binary": "2.0\n", "control.tar": tarArchive([]), "data.tar": data };
  for (const [name, content] of Object.entries(parts)) writeFileSync(join(directory, name), content);
  rmSync(source);
  execFileSync("ar", ["rcS", source, ...Object.keys(parts)], { cwd: directory });
  await expect(imported(() => undefined)).rejects.toMatchObject({
    code: "bad_content",
    plain: expect.stringContaining(`source: ${source} ${why}`) as string,
  });
});

/** Makes the source a Debian package with what `fill` puts into its /boot. */
function packedBy(fill: (boot: string) => void): void {
  const tree = join(directory, "package");
  mkdirSync(join(tree, "DEBIAN"), { recursive: true });
  mkdirSync(join(tree, "boot"));
  writeFileSync(
    join(tree, "DEBIAN/control"),
    "Package: linux-image-1\nVersion: 1\nArchitecture: amd64\nMaintainer: me <me@example.com>\nDescription: one\n",
  );
  fill(join(tree, "boot"));
  execFileSync("dpkg-deb", ["--build", "--root-owner-group", tree, source]);
}
