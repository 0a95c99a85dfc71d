import { getSystemErrorMessage, getSystemErrorName } from "node:util";
import koffi from "koffi";

/** The calls of the C library that Node doesn't offer; each throws a {@link KernelError}. */
export interface Libc {
  /** A pipe, closed on exec (pipe2(2)). */
  pipe(): { readonly read: number; readonly write: number };
  /** A FIFO (mkfifo(3)); the umask takes of its mode. */
  makeFifo(path: string, mode: number): void;
  socket(family: number, type: number, protocol: number): number;
  bind(fd: number, address: Buffer): void;
  setsockopt(fd: number, level: number, name: number, value: Buffer): void;
  send(fd: number, bytes: Buffer): void;
  /** Receives one datagram into the buffer and says how long it is, also where it was cut. */
  receive(fd: number, into: Buffer): number;
  /** Whether some process, perhaps one that has ended and isn't reaped, has this real uid. */
  uidHasProcesses(uid: number): boolean;
  /** An ioctl whose argument is a structure, or a number; what it returns is a number to few. */
  ioctl(fd: number, request: number, argument: Buffer | number): number;
  /** Opens a name below a directory, and crosses neither a link nor into another mount (openat2(2)). */
  openBelow(directory: number, name: string | Buffer, flags: number): number;
  /** A descriptor that stands for a process, also after its pid was given to another (pidfd_open(2)). */
  pidfdOpen(pid: number): number;
  pidfdKill(pidfd: number): void;
  /** Raises how long a file a process may write, unless it may already; returns what it may then (prlimit(2)). */
  raiseFileLimit(pid: number, bytes: number): number;
  /** Takes the topmost mount off a path, also one that is in use, and asks its file system nothing (umount2(2)). */
  detach(path: Buffer): void;
  /** Takes a file's lock, which ends with the process, or fails with EAGAIN where another has it (flock(2)). */
  lock(fd: number): void;
  /** The end of the kernel's log, a record a line, each with its priority and time; "" where it can't be read (syslog(2)). */
  kernelLog(): string;
}

/** A call that the kernel refused, in its words. */
export class KernelError extends Error {
  override readonly name = "KernelError";
  readonly errno: number;
  /** The error's name, `ENOENT`. */
  readonly code: string;

  constructor(what: string, errno: number, detail = "") {
    super(`${what}: ${errnoName(errno)} (${errnoText(errno)})${detail === "" ? "" : `: ${detail}`}`);
    this.errno = errno;
    this.code = errnoName(errno);
  }
}

const O_CLOEXEC = 0o2000000;
const MSG_TRUNC = 0x20;
const PRIO_USER = 2;
const ESRCH = 3;
const SIGKILL = 9;
// x86-64's numbers: not every C library has these by name.
const syscalls = { prlimit64: 302, pidfdSendSignal: 424, pidfdOpen: 434, openat2: 437 } as const;
const RLIMIT_FSIZE = 1;
const [LOCK_EX, LOCK_NB] = [2, 4];
const SYSLOG_ACTION_READ_ALL = 3;
/** A report of what was killed names every process of the host before it says which. */
const klogBytes = 256 * 1024;
const [MNT_DETACH, UMOUNT_NOFOLLOW] = [0x2, 0x8];
// linux/openat2.h
const [RESOLVE_NO_XDEV, RESOLVE_NO_SYMLINKS] = [0x01, 0x04];

/** Binds the calls. */
export function loadLibc(): Libc {
  const library = koffi.load("libc.so.6");
  const pipe2 = library.func("int pipe2(_Out_ int *fds, int flags)");
  const mkfifo = library.func("int mkfifo(const uint8_t *path, uint32_t mode)");
  const socket = library.func("int socket(int family, int type, int protocol)");
  const bind = library.func("int bind(int fd, const uint8_t *address, uint32_t length)");
  const setsockopt = library.func("int setsockopt(int fd, int level, int name, const uint8_t *value, uint32_t length)");
  const send = library.func("int64_t send(int fd, const uint8_t *bytes, size_t length, int flags)");
  const recv = library.func("int64_t recv(int fd, _Out_ uint8_t *into, size_t length, int flags)");
  const getpriority = library.func("int getpriority(int which, uint32_t who)");
  const ioctlOf = library.func("int ioctl(int fd, unsigned long request, _Inout_ uint8_t *argument)");
  const ioctlNumber = library.func("int ioctl(int fd, unsigned long request, unsigned long argument)");
  const openat2 = library.func(
    "int64_t syscall(int64_t number, int64_t directory, const uint8_t *path, const uint8_t *how, size_t size)",
  );
  const flock = library.func("int flock(int fd, int operation)");
  const klogctl = library.func("int klogctl(int type, _Out_ uint8_t *into, int length)");
  const umount2 = library.func("int umount2(const uint8_t *path, int flags)");
  const onNumbers = library.func("int64_t syscall(int64_t number, int64_t a, int64_t b, void *c, int64_t d)");
  const getLimit = library.func("int64_t syscall(int64_t number, int64_t a, int64_t b, void *c, _Inout_ uint8_t *d)");
  const checked = (what: string, result: number): number => {
    if (result === -1) throw new KernelError(what, koffi.errno());
    return result;
  };
  return {
    pipe: () => {
      const fds = [0, 0];
      checked("pipe2", pipe2(fds, O_CLOEXEC) as number);
      return { read: fds[0] ?? -1, write: fds[1] ?? -1 };
    },
    makeFifo: (path, mode) => void checked("mkfifo", mkfifo(cText(path), mode) as number),
    socket: (family, type, protocol) => checked("socket", socket(family, type, protocol) as number),
    bind: (fd, address) => void checked("bind", bind(fd, address, address.length) as number),
    setsockopt: (fd, level, name, value) =>
      void checked("setsockopt", setsockopt(fd, level, name, value, value.length) as number),
    send: (fd, bytes) => void checked("send", send(fd, bytes, bytes.length, 0) as number),
    receive: (fd, into) => checked("recv", recv(fd, into, into.length, MSG_TRUNC) as number),
    uidHasProcesses: (uid) => {
      // -1 is a priority too.
      koffi.errno(0);
      return !(getpriority(PRIO_USER, uid) === -1 && koffi.errno() === ESRCH);
    },
    openBelow: (directory, name, flags) => {
      const how = Buffer.alloc(24);
      how.writeBigUInt64LE(BigInt(flags | O_CLOEXEC), 0);
      how.writeBigUInt64LE(BigInt(RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS), 16);
      return checked("openat2", Number(openat2(syscalls.openat2, directory, cText(name), how, how.length)));
    },
    detach: (path) => void checked("umount2", umount2(cText(path), MNT_DETACH | UMOUNT_NOFOLLOW) as number),
    lock: (fd) => void checked("flock", flock(fd, LOCK_EX | LOCK_NB) as number),
    kernelLog: () => {
      const into = Buffer.alloc(klogBytes);
      return into.toString("latin1", 0, Math.max(0, klogctl(SYSLOG_ACTION_READ_ALL, into, klogBytes) as number));
    },
    raiseFileLimit: (pid, bytes) => {
      const limit = Buffer.alloc(16);
      checked("prlimit", Number(getLimit(syscalls.prlimit64, pid, RLIMIT_FSIZE, null, limit)));
      const now = limit.readBigUInt64LE(0);
      if (now >= BigInt(bytes)) return Number(now);
      for (const at of [0, 8]) limit.writeBigUInt64LE(BigInt(bytes), at);
      checked("prlimit", Number(onNumbers(syscalls.prlimit64, pid, RLIMIT_FSIZE, limit, 0)));
      return bytes;
    },
    pidfdOpen: (pid) => checked("pidfd_open", Number(onNumbers(syscalls.pidfdOpen, pid, 0, null, 0))),
    pidfdKill: (pidfd) =>
      void checked("pidfd_send_signal", Number(onNumbers(syscalls.pidfdSendSignal, pidfd, SIGKILL, null, 0))),
    ioctl: (fd, request, argument) =>
      checked(
        "ioctl",
        (typeof argument === "number" ? ioctlNumber(fd, request, argument) : ioctlOf(fd, request, argument)) as number,
      ),
  };
}

/** As C has a text. A file's name may be of any bytes. */
function cText(text: string | Buffer): Buffer {
  return Buffer.concat([Buffer.from(text as string), Buffer.alloc(1)]);
}

function errnoName(errno: number): string {
  try {
    return getSystemErrorName(-errno);
  } catch {
    return `errno ${errno}`;
  }
}

function errnoText(errno: number): string {
  try {
    return getSystemErrorMessage(-errno) ?? "no text";
  } catch {
    return "no text";
  }
}
