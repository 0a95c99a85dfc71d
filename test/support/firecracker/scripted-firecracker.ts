import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { text } from "node:stream/consumers";
import type { Machine } from "./machine.ts";
import { findRequest, type Known, publishedVersion, wrongAnswer } from "./published-api.ts";
import { osError, Refusal, words } from "./refusals.ts";
import { Settings } from "./settings.ts";

/** What is answered. */
interface Answer {
  readonly status: number;
  readonly body: string;
}

/** The versions after whose pause a guest hears nothing on its vsock until it was told of a reset. */
const deaf = /^1\.16\.[01]$/;

/**
 * Firecracker's API over a machine: each request is checked against the publication and against when it may be made, and refused
 * in Firecracker's words. It can go wrong where a test says.
 */
export class ScriptedFirecracker {
  state: "Not started" | "Running" | "Paused" = "Not started";
  version = publishedVersion;
  readonly settings = new Settings();
  /** What the guest's kernel told of its memory; nothing where it lacks the driver. */
  memory: { readonly total_memory?: number; readonly available_memory?: number } = {};
  /** The requests that came, as `PUT /boot-source`. */
  readonly asked: string[] = [];
  /** The requests that it takes and never answers. */
  readonly unanswered = new Set<string>();
  /** What it answers in place of what it should, by request. */
  readonly odd = new Map<string, Answer>();
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #machine: Machine;
  readonly #begun = Promise.withResolvers<void>();
  #deaf = false;
  #resetPublished = false;

  private constructor(machine: Machine) {
    this.#machine = machine;
    this.#server = createServer((request, response) => void this.#serve(request, response));
    this.#server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
  }

  /** Listens for its API on that path. */
  static async start(path: string, machine: Machine): Promise<ScriptedFirecracker> {
    const made = new ScriptedFirecracker(machine);
    const listening = Promise.withResolvers<void>();
    made.#server.once("error", listening.reject).listen(path, listening.resolve);
    await listening.promise;
    return made;
  }

  /** Loses the connections to its API, and lives on. */
  hangUp(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** How many connections to its API there are. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Writes what it counted, as it does once a minute. */
  flush(): Promise<void> {
    return this.settings.flush(this.#machine);
  }

  /** Is gone, sockets and all. */
  async end(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    this.hangUp();
    this.settings.close();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url = "" } = request;
    const said = await text(request).catch(() => "");
    const asked = `${method} ${url}`;
    this.asked.push(asked);
    const answer = this.odd.get(asked) ?? (await this.#answer(method, url, said));
    if (this.unanswered.has(asked)) return;
    response.writeHead(answer.status, answer.body === "" ? {} : { "Content-Type": "application/json" });
    response.end(answer.body);
  }

  async #answer(method: string, path: string, said: string): Promise<Answer> {
    try {
      const request = findRequest(method, path);
      if (request === undefined) throw new Refusal(words.unknown(method, path));
      const body = checked(request, said);
      this.#mustBeItsTime(request.when);
      const answer = await this.#obey(method, request, body as never);
      if (answer === undefined) return { status: 204, body: "" };
      const wrong = wrongAnswer(method, request.template, 200, answer);
      if (wrong !== undefined) throw new Error(`this program answers ${method} ${path} not as published: ${wrong}`);
      return { status: 200, body: JSON.stringify(answer) };
    } catch (error) {
      const status = error instanceof Refusal ? error.status : 500;
      return { status, body: JSON.stringify({ fault_message: (error as Error).message }) };
    }
  }

  #mustBeItsTime(when: Known["when"]): void {
    const begun = this.state !== "Not started";
    if (when === "before" && begun) throw new Refusal(words.afterStart);
    if (when === "after" && !begun) throw new Refusal(words.beforeStart);
  }

  async #obey(method: string, { template }: Known, body: Readonly<Record<string, string & number>>): Promise<unknown> {
    switch (`${method} ${template}`) {
      case "GET /":
        return { app_name: "Firecracker", id: "scripted", state: this.state, vmm_version: this.version };
      case "GET /version":
        return { firecracker_version: this.version };
      case "GET /balloon/statistics":
        return { target_pages: 0, actual_pages: 0, target_mib: 0, actual_mib: 0, ...this.memory };
      case "GET /vm/config":
        return this.settings.shown;
      case "PUT /actions":
        return this.#act(body["action_type"] ?? "");
      case "PATCH /vm":
        return this.#turn(body["state"] ?? "");
      case "PATCH /drives/{drive_id}":
        return this.#changeDrive(body["drive_id"] ?? "", body["path_on_host"]);
      case "PUT /snapshot/create":
        // No snapshot is made here, but what it begins with is done.
        this.#resetPublished = this.state === "Paused";
        throw new Refusal(words.snapshotPath(osError({ code: "ENOENT", errno: -2 })));
      default:
        await this.settings.set(template, body, {
          begun: this.#begun.promise,
          isDeaf: () => this.#deaf,
          connect: (port) => this.#machine.connect(port),
        });
        return undefined;
    }
  }

  async #act(action: string): Promise<undefined> {
    const begun = this.state !== "Not started";
    if (action === "InstanceStart") {
      if (begun) throw new Refusal(words.afterStart);
      await this.#machine.start(this.settings.config);
      this.state = "Running";
      this.#begun.resolve();
      return;
    }
    if (!begun) throw new Refusal(words.beforeStart);
    if (action === "SendCtrlAltDel") await this.#machine.pressCtrlAltDel();
    else await this.flush();
  }

  async #turn(state: string): Promise<undefined> {
    if (state === "Paused") {
      await this.#machine.pause();
      this.state = "Paused";
      this.#resetPublished = false;
      return;
    }
    await this.#machine.resume();
    this.state = "Running";
    if (this.#resetPublished) this.settings.vsock?.reset();
    this.#deaf = !this.#resetPublished && deaf.test(this.version);
  }

  async #changeDrive(id: string, path: string | undefined): Promise<undefined> {
    if (!this.settings.drives.has(id)) throw new Refusal(words.driveUnknown);
    if (path === undefined) return;
    await this.settings.set("/drives/{drive_id}", { drive_id: id, path_on_host: path } as never, {} as never);
    await this.#machine.diskChanged(id, path);
  }
}

/** The body of a request that is as published. */
function checked({ id, wrong }: Known, said: string): unknown {
  const body = said === "" ? undefined : parsed(said);
  const why = wrong(body);
  if (why !== undefined) throw new Refusal(words.badBody(why));
  if (id === undefined) return body;
  if (!/^\w+$/.test(id)) throw new Refusal(words.badId);
  const { drive_id: drive, iface_id: iface } = body as Readonly<Record<string, unknown>>;
  if ((drive ?? iface ?? id) !== id) throw new Refusal(words.idsDiffer);
  return body;
}

function parsed(said: string): unknown {
  try {
    return JSON.parse(said);
  } catch (error) {
    throw new Refusal(words.badBody((error as Error).message));
  }
}
