import { mkdirSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { ScriptedAgent } from "./scripted-agent.ts";

/** What a scripted VMM does on its control socket. */
export type QmpManner =
  /** Greets and answers. */
  | "answers"
  /** Accepts and says nothing. */
  | "mute"
  /** Greets with this line. */
  | { readonly greets: string };

/** What is asked of it. */
interface Command {
  readonly execute: string;
  readonly id: string;
  readonly arguments?: { readonly id?: string };
}

/** A VMM without a guest: a control socket and an agent's, as QEMU has them. */
export class ScriptedVmm {
  readonly agent = new ScriptedAgent();
  status = "prelaunch";
  /** The `io-status` of its disk. */
  ioStatus = "ok";
  /** What its guest read from its disk and wrote to it, in bytes. */
  disk = { rd_bytes: 0, wr_bytes: 0 };
  /** The commands that it takes and never answers. */
  readonly unanswered = new Set<string>();
  /** Called when its power button is pressed; a guest that has no handler does nothing. */
  onPowerButton: () => void = () => undefined;
  /** Called when its guest is let go on. */
  onCont: () => void = () => undefined;
  /** The objects that it was told to make. */
  readonly objects = new Set<string>();
  /** The commands that it was given. */
  readonly executed: string[] = [];
  readonly #servers: Server[] = [];
  readonly #control = new Set<Socket>();
  readonly #manner: () => QmpManner;

  private constructor(manner: () => QmpManner) {
    this.#manner = manner;
  }

  /** Starts one that listens on these paths. */
  static async start(paths: { qmp: string; agent: string }, manner: () => QmpManner): Promise<ScriptedVmm> {
    const vmm = new ScriptedVmm(manner);
    mkdirSync(dirname(paths.qmp), { recursive: true });
    await vmm.#listen(paths.qmp, (socket) => vmm.#serveControl(socket));
    await vmm.#listen(paths.agent, (socket) => vmm.agent.serve(socket));
    return vmm;
  }

  /** Says something on every control connection, a line as it is. */
  say(line: string): void {
    for (const socket of this.#control) socket.write(`${line}\n`);
  }

  event(event: string, data: Record<string, unknown> = {}): void {
    this.say(JSON.stringify({ event, data, timestamp: { seconds: 0, microseconds: 0 } }));
  }

  /** Loses its control connections, and lives on. */
  hangUp(): void {
    for (const socket of this.#control) socket.destroy();
  }

  /** Is gone, sockets and all. */
  async end(): Promise<void> {
    this.hangUp();
    this.agent.close();
    await Promise.all(
      this.#servers.map(
        (server) =>
          new Promise<void>((resolve) => {
            server.close(() => resolve());
          }),
      ),
    );
  }

  async #listen(path: string, serve: (socket: Socket) => void): Promise<void> {
    rmSync(path, { force: true });
    const server = createServer(serve);
    this.#servers.push(server);
    await new Promise<void>((resolve) => {
      server.listen(path, resolve);
    });
  }

  #serveControl(socket: Socket): void {
    this.#control.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => this.#control.delete(socket));
    const manner = this.#manner();
    if (manner === "mute") return;
    socket.write(manner === "answers" ? '{"QMP":{"version":{},"capabilities":[]}}\n' : `${manner.greets}\n`);
    createInterface({ input: socket })
      .on("line", (line) => this.#execute(socket, line))
      // It passes on what its input met.
      .on("error", () => undefined);
  }

  #execute(socket: Socket, line: string): void {
    const { execute, id, arguments: given } = JSON.parse(line) as Command;
    this.executed.push(execute);
    if (execute === "cont") {
      this.status = "running";
      this.event("RESUME");
      this.onCont();
    }
    if (execute === "stop" && this.status === "running") {
      this.status = "paused";
      this.event("STOP");
    }
    if (execute === "object-add") this.objects.add(given?.id ?? "");
    if (execute === "object-del") this.objects.delete(given?.id ?? "");
    if (execute === "system_powerdown") this.onPowerButton();
    if (this.unanswered.has(execute)) return;
    socket.write(`${JSON.stringify({ return: this.#answerTo(execute), id })}\n`);
  }

  #answerTo(command: string): unknown {
    if (command === "query-status") return { status: this.status, running: this.status === "running" };
    if (command === "query-block") return [{ device: "", "io-status": this.ioStatus }];
    if (command === "query-blockstats") return [{ device: "", "node-name": "root", stats: this.disk }];
    if (command === "qom-list") return [...this.objects].map((name) => ({ name, type: "child<authz-list>" }));
    return {};
  }
}
