import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { createConnection, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AgentClient, type AttachDeps } from "../../src/daemon/guest/agent-client.ts";

const program = "guest/build/sanitized/banger-agent";

/** A socket on which, as on QEMU's, a guest is heard. */
export interface GuestSocket extends AsyncDisposable {
  readonly path: string;
}

/** Listens, and gives each connection to `serve`. */
async function guestSocket(serve: (socket: Socket) => void, close: () => void = () => undefined): Promise<GuestSocket> {
  const directory = mkdtempSync(join(tmpdir(), "banger-guest-"));
  const path = join(directory, "agent.sock");
  const sockets = new Set<Socket>();
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    serve(socket);
  });
  await new Promise<void>((resolve) => {
    server.listen(path, resolve);
  });
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      close();
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => {
        server.close(resolve);
      });
      rmSync(directory, { recursive: true });
    },
  };
}

/** Test files run beside each other: one of them builds it. */
function build(): void {
  execFileSync("flock", ["guest/Makefile", "make", "--silent", "-C", "guest", "sanitized"]);
}

/** The real agent, under sanitizers, for each connection; what they report goes to standard error and fails `ended`. */
export async function realAgent(): Promise<GuestSocket & { readonly ended: Promise<number | null>[] }> {
  build();
  const directory = mkdtempSync(join(tmpdir(), "banger-timeline-"));
  writeFileSync(join(directory, "timeline"), "kernel 0 5\nready 5 0\n");
  const ended: Promise<number | null>[] = [];
  const children: ChildProcess[] = [];
  const socket = await guestSocket(
    (connection) => {
      const child = spawn(program, ["--fd", "3", "--timeline", join(directory, "timeline")], {
        stdio: ["ignore", "inherit", "inherit", connection],
      });
      children.push(child);
      ended.push(
        new Promise((resolve) => {
          // The socket is this process's too.
          child.once("close", () => connection.destroy());
          child.once("close", resolve);
        }),
      );
    },
    () => {
      for (const child of children) child.kill("SIGKILL");
      rmSync(directory, { recursive: true });
    },
  );
  return { ...socket, ended };
}

/** The real agent, under sanitizers, on a socket that listens, as a vsock does: it outlives its connections. */
export async function listeningAgent(): Promise<GuestSocket> {
  build();
  // Abstract: this process's own end of it goes once the agent has it, and would take a file along.
  const path = `\0banger-agent-${randomUUID()}`;
  const server = createServer();
  server.listen(path);
  await once(server, "listening");
  // Node lends the descriptors of sockets, and of servers only by their handle.
  const { fd } = (server as unknown as { readonly _handle: { readonly fd: number } })._handle;
  const child = spawn(program, ["--fd", "3"], { stdio: ["ignore", "inherit", "inherit", fd] });
  await once(child, "spawn");
  server.close();
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await once(child, "close");
    },
  };
}

/** A guest that answers with whatever the test says. */
export function scriptedGuest(serve: (socket: Socket) => void): Promise<GuestSocket> {
  return guestSocket((socket) => {
    socket.resume();
    serve(socket);
  });
}

/** Connects to a guest's socket. */
export async function openGuest(path: string, signal: AbortSignal): Promise<Socket> {
  const socket = createConnection(path);
  socket.on("error", () => undefined);
  await once(socket, "connect", { signal });
  return socket;
}

/** Begins a session with a guest. */
export async function attach(guest: GuestSocket, deps: Partial<AttachDeps> = {}): Promise<AgentClient> {
  const signal = deps.signal ?? new AbortController().signal;
  return AgentClient.attach({ stream: await openGuest(guest.path, signal), signal, deadlineMs: 30_000, ...deps });
}
