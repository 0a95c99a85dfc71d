import type { VmmLimits } from "./limits.ts";
import { limitArgs } from "./cage.ts";
import { openFiles } from "./recorder.ts";
import { firstVolumeFd } from "./vmm-files.ts";

/** Where a Firecracker finds its things, by the paths that it sees. */
export interface FirecrackerPaths {
  readonly api: string;
  readonly vsock: string;
  readonly metrics: string;
  /** Where it writes its log. */
  readonly words: string;
  /** A filter of system calls, where one was laid beside it: what was built for glibc has none of its own. */
  readonly filter: string | undefined;
  readonly kernel: string;
  readonly initrd: string;
  readonly rootDisk: string;
  readonly volumes: readonly string[];
}

/** The first of the descriptors that a VMM inherits (`vmm-kind.ts`). */
const first = 3;

/** A Firecracker's options beside its id. The guest's console is its standard input and output. */
function options({ api, words, filter }: FirecrackerPaths): string[] {
  // What it does in order would be all that its last words have room for, as would what a guest does to a device that isn't there.
  const log = ["--log-path", words, "--level", "Error", "--show-level"];
  return ["--api-sock", api, ...log, ...(filter === undefined ? [] : ["--seccomp-filter", filter])];
}

/** What a caged Firecracker is given, in the order of its descriptors. */
export const cagedGiven = ["rootDisk", "kernel", "initrd"] as const;

/** The paths of one in a cage: the host's, and its files by descriptor, which its uid may open again. */
export function cagedPaths(
  host: Pick<FirecrackerPaths, "api" | "vsock" | "metrics" | "words" | "filter">,
  volumes: number,
): FirecrackerPaths {
  const again = (fd: number) => `/proc/self/fd/${fd}`;
  const given = (name: (typeof cagedGiven)[number]) => again(first + cagedGiven.indexOf(name));
  return {
    ...host,
    kernel: given("kernel"),
    initrd: given("initrd"),
    rootDisk: given("rootDisk"),
    volumes: Array.from({ length: volumes }, (_, index) => again(firstVolumeFd + index)),
  };
}

/** Firecracker's argv in a cage, program first. */
export function firecrackerArgv(program: string, vmId: string, paths: FirecrackerPaths): string[] {
  return [program, "--id", vmId, ...options(paths)];
}

/** What a jailed one is given, in the order of its descriptors. */
export const jailedGiven = ["mounts", "rootDisk", "kernel", "initrd"] as const;

/** The paths of one in a jail, below its own root; the jailer makes `/dev` and `/run` there. */
export function jailedPaths({ filter, volumes }: { filter: boolean; volumes: number }): FirecrackerPaths {
  return {
    api: "/vm/api.sock",
    vsock: "/vm/vsock.sock",
    metrics: "/metrics",
    words: "/words",
    filter: filter ? "/seccomp.bpf" : undefined,
    kernel: "/kernel",
    initrd: "/initrd",
    rootDisk: "/root-disk",
    volumes: Array.from({ length: volumes }, (_, index) => `/volume${index}`),
  };
}

/** What a jail is made of: banger's program and the jailer's, and where the VM's things are on the host. */
export interface Jail {
  readonly vmmJail: string;
  readonly jailer: string;
  readonly firecracker: { readonly file: string; readonly name: string; readonly bytes: number };
  readonly vmId: string;
  readonly uid: number;
  /** A directory that a file system in memory is put over, where nobody else sees it. */
  readonly base: string;
  readonly host: { readonly directory: string; metrics: string; words: string; filter: string | undefined };
}

/** What lies in a jail beside the copy of Firecracker: nodes, directories, the jailer's file of its pid. */
const otherBytes = 2 ** 20;
/** The argv that puts a Firecracker into its jail, program first. */
export function jailArgv(jail: Jail, paths: FirecrackerPaths, limits: VmmLimits): string[] {
  const { vmmJail, jailer, firecracker, vmId, uid, base, host } = jail;
  const root = `${base}/${firecracker.name}/${vmId}/root`;
  const file = (inside: string, access: "ro" | "rw", source: string | number) =>
    `${inside.slice(1)}:${access}:${source}`;
  const given = (name: (typeof jailedGiven)[number]) => first + jailedGiven.indexOf(name);
  const files = [
    file(paths.kernel, "ro", given("kernel")),
    file(paths.initrd, "ro", given("initrd")),
    file(paths.rootDisk, "rw", given("rootDisk")),
    ...paths.volumes.map((path, index) => file(path, "rw", firstVolumeFd + index)),
    file("/vm", "rw", host.directory),
    file(paths.metrics, "rw", host.metrics),
    file(paths.words, "rw", host.words),
    ...(paths.filter === undefined || host.filter === undefined ? [] : [file(paths.filter, "ro", host.filter)]),
  ];
  const place = [given("mounts"), base, firecracker.bytes + otherBytes, root, uid].map(String);
  const become = ["--exec-file", firecracker.file, "--uid", String(uid), "--gid", String(uid)];
  const confine = ["--chroot-base-dir", base, "--resource-limit", `no-file=${openFiles}`];
  const args = [jailer, "--id", vmId, ...become, ...confine, "--", ...options(paths)];
  return [vmmJail, ...limitArgs(limits), ...place, ...files, "--", ...args];
}
