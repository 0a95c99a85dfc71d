import type { StepEvent } from "../../rpc/contract/step.ts";
import { printableLine } from "../../rpc/printable.ts";
import { duration } from "./units.ts";

/** Shows what a long command does, a line for each step, on standard error. */
export class Progress {
  readonly #write: (text: string) => void;
  readonly #begun = new Map<string, number>();

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  /** Takes an event of a request; others than steps and progress are not for it. */
  take(event: string, data: unknown): void {
    if (event === "progress") this.#write(`  … ${printableLine(String((data as { text?: unknown }).text))}\n`);
    if (event === "step") this.#step(data as StepEvent);
  }

  #step({ step, phase, elapsed_ms: elapsed }: StepEvent): void {
    const took = duration(elapsed - (this.#begun.get(step) ?? 0));
    switch (phase) {
      case "started":
        this.#begun.set(step, elapsed);
        return;
      case "completed":
        this.#write(`  ✓ ${step.padEnd(16)} ${took}\n`);
        return;
      case "failed":
        this.#write(`  ✗ ${step.padEnd(16)} ${took}\n`);
        return;
      case "undone":
        this.#write(`  ↩ ${step}\n`);
    }
  }
}
