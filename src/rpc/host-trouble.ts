import { BangerError } from "./contract/errors.ts";
import { errnoName } from "./errno-name.ts";

/** What programs, and the loader of their libraries, say where there is no memory. */
export const lackOfMemory =
  /(Cannot|Could not) allocate memory|[Mm]emory (exhausted|allocation failed)|[Nn]ot enough memory|[Oo]ut of memory|failed to map segment|Child died with signal 9/;

/** A failed system call as an error of the table where it is the host that fails and not banger, else undefined. */
export function hostTroubleOf(error: unknown): BangerError | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error instanceof AggregateError) {
    // The first is the reason; the others came of undoing it.
    const [reason, ...others] = error.errors as unknown[];
    const trouble = hostTroubleOf(reason);
    const beside = others.map((other) => (other instanceof Error ? other.message : String(other)));
    return (
      trouble && new BangerError(trouble.code, [trouble.plain, ...beside].join("; left behind: "), { cause: error })
    );
  }
  const failure = error as NodeJS.ErrnoException;
  const code = errnoName(failure);
  const { path, syscall = "" } = failure;
  const program = syscall.startsWith("spawn ") ? syscall.slice("spawn ".length) : undefined;
  const what = program === undefined ? (path ?? syscall) : `the program ${program}`;
  if (code === "ENOSPC" || code === "EDQUOT") {
    const reason = code === "ENOSPC" ? "the disk is full, of blocks or of inodes" : "the owner's quota is used up";
    const message = path === undefined ? error.message : `${path} can't be written: ${reason}`;
    return new BangerError("no_space", message, { cause: error });
  }
  if (isRefusedAllocation(failure)) {
    return new BangerError("host_failed", `${reasons["ENOMEM"]} (${failure.message})`, { cause: error });
  }
  const reason = program !== undefined && code === "EAGAIN" ? noProcess : reasons[code];
  if (reason === undefined) return undefined;
  return new BangerError("host_failed", `${what === "" ? "" : `${what}: `}${reason} (${code})`, { cause: error });
}

/** What SQLite calls SQLITE_NOMEM (sqlite3.h). */
const sqliteNoMemory = 7;

/** Memory that the process itself was refused, of which V8, Node and SQLite each speak in their own way. */
function isRefusedAllocation(error: NodeJS.ErrnoException & { readonly errcode?: unknown }): boolean {
  const { code, message, errcode } = error;
  if (code === "ERR_SQLITE_ERROR") return Number(errcode) === sqliteNoMemory;
  if (code === "ERR_MEMORY_ALLOCATION_FAILED" || code === "ERR_WORKER_OUT_OF_MEMORY") return true;
  return error instanceof RangeError && /allocation failed/.test(message);
}

const noProcess = "the limit of processes is reached; end some, or raise `ulimit -u` or the cgroup's pids.max";
const reasons: Readonly<Record<string, string>> = {
  EROFS: "the file system is mounted read-only; mount it writable",
  EMFILE: "the process has no descriptor left; raise its limit (`ulimit -Hn`) and start it again",
  ENFILE: "the host has no descriptor left; end what holds them, or raise fs.file-max",
  ENOMEM: "the host has no memory left; stop something",
  EXDEV: "it leads to another file system; keep all that is below state_dir on one",
  EIO: "the disk can't be read or written; look at the kernel's log",
  EFBIG: "the limit of a file's size is reached; raise `ulimit -f`, or take a file system with larger files",
  EACCES: "permission is denied; give back the owner and the mode that it was made with",
  EPERM: "it is not permitted; give back the owner, mode and attributes that it was made with",
};
