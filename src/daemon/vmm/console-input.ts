import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { Socket } from "node:net";
import { BangerError } from "../../rpc/contract/errors.ts";

const { O_WRONLY, O_NONBLOCK, O_NOFOLLOW } = constants;

/**
 * What is typed on a guest's serial console: a FIFO of the owner's, which root made and the VMM reads. Whoever of the owner's wants
 * may type; what several type arrives in the order in which it came.
 */
export class ConsoleInput implements Disposable {
  readonly #fifo: Socket;
  #gone = false;

  /** Opens it at that path; `wrong_state` where there is none, or no VMM that reads it. */
  constructor(path: string) {
    this.#fifo = new Socket({ fd: openFifo(path), readable: false, writable: true });
    // Its reader has ended: the VM's end says so by itself.
    this.#fifo.on("error", () => void (this.#gone = true));
    this.#fifo.on("close", () => void (this.#gone = true));
  }

  /** Types; resolves when the guest has taken so much that more is welcome, or nobody takes anything any more. */
  async type(bytes: Uint8Array): Promise<void> {
    if (this.#gone || this.#fifo.write(bytes)) return;
    await new Promise<void>((resolve) => {
      this.#fifo.once("drain", resolve);
      this.#fifo.once("close", () => resolve());
    });
  }

  [Symbol.dispose](): void {
    this.#fifo.destroy();
  }
}

function openFifo(path: string): number {
  let fd: number;
  try {
    fd = openSync(path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code !== "ENOENT" && code !== "ENXIO") throw cause;
    const why = code === "ENXIO" ? "its VMM doesn't run, or not yet" : "an older banger started its VMM";
    throw new BangerError("wrong_state", `the console can't be written: ${why}`, {
      cause,
      details: { hint: "Stop and start the VM, or say --read-only." },
    });
  }
  if (fstatSync(fd).isFIFO()) return fd;
  closeSync(fd);
  throw new BangerError("host_failed", `${path} is no FIFO`);
}
