import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Kernel } from "../../src/rpc/contract/kernel.ts";
import { packageSource } from "../support/debian-packages.ts";
import { fakeKernel } from "../support/fake-kernel.ts";
import { Installation } from "../support/installation.ts";
import { noSandbox } from "../support/sandbox.ts";

const drivers = ["virtio_pci", "virtio_blk", "virtio_net", "virtio_console", "virtio_rng", "ext4"];
const builtin = drivers.map((name) => `kernel/${name}.ko\n`).join("");
const modulesOf = (release: string, place = "lib") => ({
  [`${place}/modules/${release}/modules.builtin`]: builtin,
  [`${place}/modules/${release}/modules.order`]: "",
});

describe.skipIf(noSandbox)(`kernels${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let directory: string;
  let host: Installation;
  let before: string;
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "banger-kernel-"));
    const monolithic = ["virtio-pci", "virtio_blk", "virtio_net", "virtio_console", "ext4"];
    writeFileSync(join(directory, "monolithic"), fakeKernel({ release: "6.2.0", holds: monolithic }));
    writeFileSync(join(directory, "modular"), fakeKernel({ release: "6.3.0" }));
    mkdirSync(join(directory, "modules"));
    writeFileSync(join(directory, "modules/modules.dep"), drivers.map((name) => `kernel/${name}.ko:\n`).join(""));
    mkdirSync(join(directory, "modules/kernel"));
    for (const name of drivers) writeFileSync(join(directory, `modules/kernel/${name}.ko`), "vermagic=6.4.0 SMP \0");
    for (const path of ["empty", "unreadable", "secret"]) mkdirSync(join(directory, path));
    writeFileSync(join(directory, "cut.deb"), "!<arch>\ndebian-binary   1");
    const apt = packageSource(directory, [
      {
        name: "linux-image-6.1-debian",
        files: { "boot/vmlinuz-6.1-debian": fakeKernel({ release: "6.1-debian" }), ...modulesOf("6.1-debian") },
      },
      { name: "linux-image-debian", depends: "linux-image-6.1-debian (= 1)" },
      {
        name: "linux-image-6.8-ubuntu",
        depends: "kmod, linux-modules-6.8-ubuntu",
        files: { "boot/vmlinuz-6.8-ubuntu": fakeKernel({ release: "6.8-ubuntu" }) },
      },
      { name: "linux-modules-6.8-ubuntu", files: modulesOf("6.8-ubuntu") },
      {
        name: "linux-image-6.9-trixie",
        files: {
          "boot/vmlinuz-6.9-trixie": fakeKernel({ release: "6.9-trixie" }),
          ...modulesOf("6.9-trixie", "usr/lib"),
        },
      },
      { name: "hello", files: { "usr/bin/hello": "hello" } },
    ]);
    cpSync(join(directory, "repository/linux-image-6.1-debian.deb"), join(directory, "renamed"));
    execFileSync("chmod", ["-R", "a+rX", directory]);
    execFileSync("chmod", ["700", join(directory, "secret")]);
    host = await Installation.start({ env: { APT_CONFIG: apt } });
    await host.sandbox.root(`cd ${host.file.stateDir}; install -d -o owner -m 700 kernels scratch`);
    before = await host.hostState();
  });
  afterAll(async () => {
    await host[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true });
  });

  it.each([
    ["a package's name", "linux-image-6.1-debian", "6.1-debian", "linux-6-1-debian"],
    ["a package that depends on it", "linux-image-debian", "6.1-debian", "linux-6-1-debian"],
    ["packages of which one has the modules", "linux-image-6.8-ubuntu", "6.8-ubuntu", "linux-6-8-ubuntu"],
    ["a package with its modules below /usr", "linux-image-6.9-trixie", "6.9-trixie", "linux-6-9-trixie"],
    ["a package's file, whatever its name", "./renamed", "6.1-debian", "linux-6-1-debian"],
    ["a file with its drivers in itself", "./monolithic", "6.2.0", "linux-6-2-0"],
  ])("a kernel is taken from %s", async (_, source, release, name) => {
    const path = source.startsWith("./") ? join(directory, source) : source;
    const kernel = await host.ok<Kernel>("kernel", "import", path);
    expect(kernel).toMatchObject({ name, release, default: true });
    const files = host.layout.kernel(kernel.id);
    expect(await host.sandbox.root(`cpio --list --quiet < ${files.initrd}`)).toBe(
      "dev\nproc\nsys\nroot\nbanger\nbanger/lib\nbanger/modules\nbanger/no-mmio\n",
    );
    expect(await host.sandbox.root(`stat -c '%a %U' ${files.vmlinux}`)).toBe("444 owner\n");
    expect((await host.banger(["kernel", "import", path])).error()).toMatchObject({ code: "already_exists" });
    await host.ok("kernel", "rm", name);
    expect(await host.ok("kernel", "ls")).toEqual({ kernels: [] });
    expect(await host.hostState()).toBe(before);
  });

  it.each([
    [
      "no package and no file",
      ["nosuchpackage"],
      "not_found",
      /there is no package nosuchpackage.*no such file.*apt-cache search/,
    ],
    ["a package without a kernel", ["hello"], "bad_content", /the package holds no kernel; those that do/],
    ["half a package", ["./cut.deb"], "bad_content", /no whole Debian package/],
    ["without modules that it needs", ["./modular"], "bad_content", /has no virtio_pci, built in; give .*--modules/],
    [
      "another kernel's modules",
      ["./modular", "--modules", "./modules"],
      "bad_content",
      /built for another kernel \(6.4.0 SMP\), and source is 6.3.0/,
    ],
    [
      "a directory without modules",
      ["./modular", "--modules", "./empty"],
      "bad_content",
      /empty holds no modules of this kernel/,
    ],
    ["modules that aren't there", ["./modular", "--modules", "./gone"], "not_found", /gone isn't there/],
    [
      "modules that can't be read",
      ["./modular", "--modules", "./secret"],
      "bad_content",
      /secret holds no modules|can't be read by/,
    ],
    ["a directory", ["./empty"], "bad_content", /empty is a directory, not a file$/],
  ])("%s: it says what is wrong, and nothing stays", async (_, given, code, message) => {
    const argv = given.map((word) => (word.startsWith("./") ? join(directory, word) : word));
    const answer = await host.banger(["kernel", "import", ...argv]);
    expect(answer.error()).toMatchObject({ code, message: expect.stringMatching(message) as string });
    expect(await host.hostState()).toBe(before);
  });

  it("the default stays what it is until it is set", async () => {
    const marked = async () =>
      (await host.ok<{ kernels: Kernel[] }>("kernel", "ls")).kernels.map(({ name, default: isDefault }) => [
        name,
        isDefault,
      ]);
    await host.ok("kernel", "import", "linux-image-6.1-debian", "--name", "one");
    await host.ok("kernel", "import", "linux-image-6.8-ubuntu", "--name", "two");
    expect(await marked()).toEqual([
      ["one", true],
      ["two", false],
    ]);
    expect(await host.ok("kernel", "default", "two")).toMatchObject({ name: "two", default: true });
    expect(await host.ok("kernel", "show", "two")).toMatchObject({ default: true });
    await host.ok("kernel", "import", "linux-image-6.9-trixie", "--name", "three", "--default");
    expect(await marked()).toEqual([
      ["one", false],
      ["two", false],
      ["three", true],
    ]);
    for (const name of ["one", "two", "three"]) await host.ok("kernel", "rm", name);
  });
});
