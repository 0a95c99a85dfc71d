import { once } from "node:events";
import { closeSync, constants, fstatSync, openSync, type Stats } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { basename, dirname } from "node:path";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { PeerCredentials } from "../../rpc/peer-credentials.ts";

/** What connecting to a VMM needs. */
export interface VmmSocketDeps {
  /** Whose daemon this is. */
  readonly ownerUid: number;
  /** Who is at the other end of a socket. */
  readonly peerOf: (socket: Socket) => PeerCredentials | undefined;
}

// Node has no name for it: the descriptor stands for the file, whatever that is, and opens nothing (open(2)).
const O_PATH = 0o10000000;
const { O_DIRECTORY, O_NOFOLLOW } = constants;

/**
 * Connects to a socket that a VMM made in a directory in which it may put anything. What is there is connected to only if it
 * is a socket, of the VM's own uid, at whose other end is that uid: no link is followed, to the owner's own sockets least of all.
 */
export async function openVmmSocket(deps: VmmSocketDeps, path: string, signal: AbortSignal): Promise<Socket> {
  signal.throwIfAborted();
  const opened: number[] = [];
  try {
    const directory = openBeside(opened, dirname(path), O_DIRECTORY);
    const uid = uidOf(fstatSync(directory), deps.ownerUid);
    // By the descriptors, so that what was looked at is what is connected to.
    const file = openBeside(opened, `/proc/self/fd/${directory}/${basename(path)}`, 0);
    const found = fstatSync(file);
    if (!found.isSocket()) throw replaced(path, found.isSymbolicLink() ? "a link" : "no socket", uid);
    if (found.uid !== uid) throw replaced(path, `a socket of uid ${found.uid}`, uid);
    const socket = await connected(`/proc/self/fd/${file}`, signal);
    const peer = deps.peerOf(socket);
    if (peer?.uid === uid) return socket;
    socket.destroy();
    throw replaced(path, peer === undefined ? "closed" : `a socket on which uid ${peer.uid} listens`, uid);
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof BangerError) throw cause;
    const { code = "it failed" } = cause as NodeJS.ErrnoException;
    throw new BangerError("guest_died", `the VMM can't be reached on ${basename(path)}: ${code}`, {
      cause,
      details: { path },
    });
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}

function openBeside(opened: number[], path: string, flags: number): number {
  const fd = openSync(path, O_PATH | O_NOFOLLOW | flags);
  opened.push(fd);
  return fd;
}

/** Root made the directory for this VM: it belongs to the VM's uid, or to the owner and the group of that uid. */
function uidOf({ uid, gid }: Stats, ownerUid: number): number {
  return uid === ownerUid ? gid : uid;
}

async function connected(path: string, signal: AbortSignal): Promise<Socket> {
  const socket = createConnection(path);
  try {
    await once(socket, "connect", { signal });
    // Whoever gets it hears of its end; until then it fails nobody.
    return socket.on("error", () => undefined);
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

function replaced(path: string, what: string, uid: number): BangerError {
  const instead = `${path} is ${what} in place of the VMM's own (uid ${uid})`;
  return new BangerError(
    "bad_content",
    `${instead}; its VMM may have been taken over: end it with \`banger vm kill\``,
    { details: { path } },
  );
}
