import { once } from "node:events";
import { createConnection, type Socket } from "node:net";
import { createInterface } from "node:readline";

/** A QEMU's control socket, as far as a program needs it that stands in for Firecracker. */
export class QemuMonitor {
  readonly #socket: Socket;
  readonly #answers: PromiseWithResolvers<unknown>[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("close", () => {
      for (const answer of this.#answers) answer.reject(new Error("QEMU has ended"));
    });
    createInterface({ input: socket })
      .on("line", (line) => this.#take(JSON.parse(line) as { return?: unknown; error?: { desc: string } }))
      .on("error", () => undefined);
  }

  static async connect(path: string): Promise<QemuMonitor> {
    const socket = createConnection(path);
    await once(socket, "connect");
    const monitor = new QemuMonitor(socket.on("error", () => undefined));
    await monitor.execute("qmp_capabilities");
    return monitor;
  }

  /** Executes a command; they are answered in order. */
  execute(command: string, given: object = {}): Promise<unknown> {
    const answer = Promise.withResolvers<unknown>();
    this.#answers.push(answer);
    this.#socket.write(`${JSON.stringify({ execute: command, arguments: given })}\n`);
    return answer.promise;
  }

  #take(message: { readonly return?: unknown; readonly error?: { readonly desc: string } }): void {
    if ("return" in message) this.#answers.shift()?.resolve(message.return);
    else if (message.error !== undefined) this.#answers.shift()?.reject(new Error(message.error.desc));
  }
}
