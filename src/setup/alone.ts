import { spawnSync } from "node:child_process";
import { closeSync, constants, fstatSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { BangerError } from "../rpc/contract/errors.ts";
import type { SetupDeps } from "./deps.ts";
import { isThere, statIfThere } from "./host/durable-file.ts";

/** Whoever changes the installation has this locked; the kernel lets go of it whatever becomes of him. */
const lockFile = "/run/banger-setup.lock";

/** Does something to the installation while nobody else does: two commands at once would each undo what the other one began. */
export async function alone<T>(
  { places }: Pick<SetupDeps, "places">,
  operation: string,
  work: () => Promise<T>,
): Promise<T> {
  const path = places.at(lockFile);
  const held = hold(path, operation);
  try {
    return await work();
  } finally {
    // While it is held: whoever has opened it meanwhile finds that it is no file's name any more.
    rmSync(path, { force: true });
    closeSync(held);
  }
}

function hold(path: string, operation: string): number {
  mkdirSync(dirname(path), { recursive: true });
  for (;;) {
    const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
    // The lock is the open file's, which this process has too: it stays when flock(1) has ended.
    const locked = spawnSync("/usr/bin/flock", ["--nonblock", "3"], { stdio: ["ignore", "ignore", "ignore", fd] });
    if (locked.status === 0 && statIfThere(path)?.ino === fstatSync(fd).ino) {
      writeSync(fd, `${process.pid}\n`, 0);
      return fd;
    }
    closeSync(fd);
    if (locked.status !== 0) throw refused(path, operation, locked.error);
  }
}

function refused(path: string, operation: string, cause: Error | undefined): BangerError {
  if (cause !== undefined) return new BangerError("missing_tool", `${operation}: flock can't be run`, { cause });
  const pid = isThere(path) ? readFileSync(path, "utf8").trim() : "";
  return new BangerError("busy", `${operation}: another command is at this installation${pid && `, pid ${pid}`}`, {
    details: { hint: "Wait until it has ended; `banger system status` says what came of it." },
  });
}
