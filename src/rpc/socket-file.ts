import { chmodSync, chownSync, lstatSync, rmSync } from "node:fs";
import { createConnection, type Server } from "node:net";

/** A unix socket's place in the file system, and how it is found there. */
export interface SocketFile {
  readonly path: string;
  readonly mode: number;
  /** Who owns it, where that isn't this process's own user. */
  readonly owner?: { readonly uid: number; readonly gid: number };
}

/** Listens there; the file of a process that is gone is replaced, one on which a process listens is left alone. Resolves with the file's identity. */
export async function listenAt(server: Server, { path, mode, owner }: SocketFile): Promise<string | undefined> {
  if (await answers(path)) throw new Error(`another process listens on ${path} already`);
  rmSync(path, { force: true });
  await listenOn(server, { path });
  chmodSync(path, mode);
  if (owner !== undefined) chownSync(path, owner.uid, owner.gid);
  return identityOf(path);
}

/** Which file is at a path, undefined for none. */
export function identityOf(path: string): string | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found === undefined ? undefined : `${found.dev}:${found.ino}`;
}

/** True when a process listens there; a socket's file may outlive its process. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    const end = (there: boolean) => {
      socket.destroy();
      resolve(there);
    };
    socket.once("connect", () => end(true));
    // One that is stopped, or too busy to accept, listens all the same.
    socket.once("error", ({ code }: NodeJS.ErrnoException) => end(code !== "ECONNREFUSED" && code !== "ENOENT"));
  });
}

/** Listens at a path, or with a descriptor that was made to listen by somebody else. */
export function listenOn(server: Server, where: { path: string } | { fd: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(where, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
