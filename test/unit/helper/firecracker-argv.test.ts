import { expect, it } from "vitest";
import { cagedPaths, firecrackerArgv, jailArgv, jailedPaths } from "../../../src/helper/vmm/firecracker-argv.ts";

const vmId = "00112233445566ff";
const limits = { addressSpaceBytes: 1, fileBytes: 2, processes: 3, memoryBytes: 4, tasks: 5 };
const jailOf = (filter: string | undefined, volumes: number) =>
  jailArgv(
    {
      vmmJail: "/opt/vmm-jail",
      jailer: "/usr/bin/jailer",
      firecracker: { file: "/opt/firecracker-v1.16.1", name: "firecracker-v1.16.1", bytes: 3_000_000 },
      vmId,
      uid: 62_000,
      base: "/run/helper/vm",
      host: { directory: `/run/helper/vm/${vmId}`, metrics: "/run/m", words: "/run/w", filter },
    },
    jailedPaths({ filter: filter !== undefined, volumes }),
    limits,
  );

it("one in a jail has the limits, its room, and its files by descriptor, path and name", () => {
  const argv = jailOf(undefined, 2);
  const jailer = argv.indexOf("--");
  const root = `/run/helper/vm/firecracker-v1.16.1/${vmId}/root`;
  expect(argv.slice(0, 9)).toEqual([
    "/opt/vmm-jail",
    "1",
    "2",
    "3",
    "3",
    "/run/helper/vm",
    String(3_000_000 + 2 ** 20),
    root,
    "62000",
  ]);
  expect(argv.slice(9, jailer)).toEqual([
    "kernel:ro:5",
    "initrd:ro:6",
    "root-disk:rw:4",
    "volume0:rw:10",
    "volume1:rw:11",
    `vm:rw:/run/helper/vm/${vmId}`,
    "metrics:rw:/run/m",
    "words:rw:/run/w",
  ]);
  expect(argv.slice(jailer + 1).join(" ")).toBe(
    `/usr/bin/jailer --id ${vmId} --exec-file /opt/firecracker-v1.16.1 --uid 62000 --gid 62000` +
      " --chroot-base-dir /run/helper/vm --resource-limit no-file=1024 -- --api-sock /vm/api.sock --log-path /words --level Error --show-level",
  );
});

it("a filter that lies beside it is laid into its jail and named", () => {
  const argv = jailOf("/opt/seccomp.bpf", 0);
  expect(argv).toContain("seccomp.bpf:ro:/opt/seccomp.bpf");
  expect(argv.slice(-2)).toEqual(["--seccomp-filter", "/seccomp.bpf"]);
});

it("one in a cage opens its files again, by the descriptors that it inherits", () => {
  const host = { api: "/run/api", vsock: "/run/vsock", metrics: "/run/m", words: "/run/w", filter: undefined };
  const paths = cagedPaths(host, 2);
  expect(paths).toMatchObject({
    rootDisk: "/proc/self/fd/3",
    kernel: "/proc/self/fd/4",
    initrd: "/proc/self/fd/5",
    volumes: ["/proc/self/fd/10", "/proc/self/fd/11"],
  });
  expect(firecrackerArgv("/usr/bin/firecracker", vmId, paths)).toEqual([
    "/usr/bin/firecracker",
    "--id",
    vmId,
    "--api-sock",
    "/run/api",
    "--log-path",
    "/run/w",
    "--level",
    "Error",
    "--show-level",
  ]);
});
