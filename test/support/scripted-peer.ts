import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** A server that answers whatever a test says. */
export interface ScriptedPeer extends AsyncDisposable {
  readonly path: string;
  /** What was sent to it. */
  readonly received: Record<string, unknown>[];
}

/** Listens, on a socket of its own or at `at`; `take` gets each frame and a way to write one. */
export async function scriptedPeer(
  take: (frame: Record<string, unknown>, write: (frame: object) => void) => void,
  at?: string,
): Promise<ScriptedPeer> {
  const directory = mkdtempSync(join(tmpdir(), "banger-peer-"));
  const path = at ?? join(directory, "s.sock");
  const received: Record<string, unknown>[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    createInterface({ input: socket }).on("line", (line) => {
      const frame = JSON.parse(line) as Record<string, unknown>;
      received.push(frame);
      take(frame, (answer) => void socket.write(`${JSON.stringify(answer)}\n`));
    });
  });
  server.listen(path);
  await once(server, "listening");
  return {
    path,
    received,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      rmSync(directory, { recursive: true });
    },
  };
}

/** A process that listens, with a backlog of one, and was then stopped (SIGSTOP). */
export async function stoppedPeer(at?: string): Promise<{ path: string } & AsyncDisposable> {
  const directory = mkdtempSync(join(tmpdir(), "banger-stopped-"));
  const path = at ?? join(directory, "s.sock");
  const script = `require("node:net").createServer((s) => s.resume()).listen({ path: process.argv[1], backlog: 1 }, () => console.log("ready"))`;
  const child = spawn(process.execPath, ["-e", script, path], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  child.kill("SIGSTOP");
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      const closed = once(child, "close");
      child.kill("SIGKILL");
      await closed;
      rmSync(directory, { recursive: true });
    },
  };
}
