import type { AgentClient } from "../../src/daemon/guest/agent-client.ts";
import type { ExecRequest } from "../../src/daemon/guest/agent-exec.ts";

type Deliver = Parameters<NonNullable<ExecRequest["takeSignals"]>>[0];

/** A guest without KVM, on a host that is busy, takes its time. */
const showsWithinMs = 100_000;

/** What is typed, in time. */
class Keys implements AsyncIterable<Uint8Array> {
  readonly #typed: Buffer[] = [];
  #over = false;
  #wake: () => void = () => undefined;

  type(bytes: string | Buffer): void {
    this.#typed.push(Buffer.from(bytes as string));
    this.#wake();
  }

  end(): void {
    this.#over = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator]() {
    for (;;) {
      const next = this.#typed.shift();
      if (next !== undefined) yield next;
      else if (this.#over) return;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}

/** Runs a script on a terminal of 80x24 that an agent makes. */
export function onTerminal(agent: AgentClient, script: string, request: Partial<ExecRequest> = {}) {
  const keys = new Keys();
  const parts: Buffer[] = [];
  const waiting = new Set<() => void>();
  let deliver: Deliver = () => undefined;
  const wakeAll = () => {
    for (const wake of waiting) wake();
  };
  /** What it wrote, a character for each byte. */
  const screen = () => Buffer.concat(parts).toString("latin1");
  let over = false;
  const ended = agent
    .exec({
      argv: ["bash", "--norc", "-c", script],
      user: String(process.getuid?.()),
      terminal: { columns: 80, rows: 24 },
      stdin: keys,
      takeSignals: (take) => {
        deliver = take;
      },
      onStdout: (bytes) => {
        parts.push(Buffer.from(bytes));
        wakeAll();
      },
      onStderr: () => Promise.reject(new Error("a terminal has one output")),
      ...request,
    })
    .finally(() => {
      over = true;
      wakeAll();
    });
  ended.catch(() => undefined);
  /** Waits until that is on the screen. */
  const shows = async (text: string) => {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      wakeAll();
    }, showsWithinMs);
    while (!screen().includes(text)) {
      if (over || late)
        throw new Error(
          `${late ? "it doesn't show" : "it ended without showing"} ${JSON.stringify(text)}: ${JSON.stringify(screen())}`,
        );
      await new Promise<void>((resolve) => {
        waiting.add(resolve);
      });
    }
    clearTimeout(timer);
  };
  return { keys, ended, screen, shows, deliver: ((...what) => deliver(...what)) satisfies Deliver };
}
