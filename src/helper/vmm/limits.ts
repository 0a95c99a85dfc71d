import { fstatSync, readSync } from "node:fs";
import type { DiskFormat } from "../../rpc/contract/disk-kind.ts";

const mib = 2 ** 20;
/** Code, libraries, 1 GiB of translated code, the stacks and heaps of the threads that do disk I/O. */
const overheadMib = 4_096;
/** What of that is ever in memory at once, beside the guest's: 1 GiB of code, and the rest. What the kernel caches of files gives way. */
const residentMib = 1_536;
/** A CPU's thread: its stack, and the heap that the C library reserves for it. */
const perCpuMib = 128;
/** Threads beside the CPUs: QEMU's pool for disk I/O has 64. */
const otherThreads = 128;
/** Beside the VMM: its recorder and two loggers, each twice while it becomes what it is; and the command that asks its guest to go, with its threads. */
const otherProcesses = 40;
/** What qcow2 keeps beside the data, for a disk that is written whole. */
const metadata = { share: 1 / 64, leastBytes: 64 * mib } as const;
const qcow2 = { magic: 0x514649fb, sizeAt: 24, headerBytes: 32 } as const;
/** A disk may be made so much larger while its VMM runs, by a helper too that may not raise a limit afterwards. */
const growth = 2;
const mostBytes = 2 ** 52;

/** What a VMM may take of the host, in the kernel's terms (setrlimit(2), cgroups(7)). */
export interface VmmLimits {
  readonly addressSpaceBytes: number;
  readonly fileBytes: number;
  readonly processes: number;
  /** Of memory, where a cgroup counts it; swap beyond that is bounded by the address space. */
  readonly memoryBytes: number;
  /** Processes and threads of the VMM, its recorder and its loggers, where a cgroup counts them. */
  readonly tasks: number;
}

/**
 * Enough for every VMM that does its work, far below what would hurt the host. `rootDisk`: its open file. A raw one's bytes say
 * nothing, and a device is no file: none is written. `volumes`: theirs, which keep their size while a VMM has them.
 */
export function vmmLimits(vm: {
  readonly cpus: number;
  readonly memoryMib: number;
  readonly rootDisk: number;
  readonly format: DiskFormat;
  readonly volumes: readonly number[];
}): VmmLimits {
  const { cpus, memoryMib, rootDisk, format, volumes } = vm;
  const size = Math.max(format === "qcow2" ? virtualSize(rootDisk) : 0, fstatSync(rootDisk).size);
  return {
    addressSpaceBytes: (memoryMib + Math.ceil(memoryMib / 64) + overheadMib + cpus * perCpuMib) * mib,
    fileBytes: Math.max(fileBytesFor(size * growth), ...volumes.map((fd) => fstatSync(fd).size)),
    processes: cpus + otherThreads,
    memoryBytes: (memoryMib + Math.ceil(memoryMib / 64) + residentMib) * mib,
    tasks: cpus + otherThreads + otherProcesses,
  };
}

/** How long the file of a disk may become whose guest sees so many bytes. */
export function fileBytesFor(size: number): number {
  return Math.min(size + Math.ceil(size * metadata.share) + metadata.leastBytes, mostBytes);
}

/** What a qcow2's header says; 0 where there is none, which QEMU refuses in its own words. */
function virtualSize(fd: number): number {
  const header = Buffer.alloc(qcow2.headerBytes);
  if (readSync(fd, header, 0, header.length, 0) < header.length || header.readUInt32BE(0) !== qcow2.magic) return 0;
  return Number(header.readBigUInt64BE(qcow2.sizeAt));
}
