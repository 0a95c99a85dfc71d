import { isatty } from "node:tty";
import { BangerError } from "../rpc/contract/errors.ts";

/** Asks a person, who has to type `y` or `yes`; refuses where there is none to ask. */
export async function ask(
  question: string,
  say: (text: string) => Promise<void>,
  input: () => AsyncIterable<Uint8Array>,
  over: AbortSignal,
): Promise<boolean> {
  if (!isatty(0) || !isatty(2)) {
    throw new BangerError("usage", "there is nobody to ask: this is no terminal", {
      details: { hint: "`--force` does it without asking, `--dry-run` says what it would do." },
    });
  }
  await say(`${question} [y/N] `);
  const left = new Promise<never>((_, reject) => {
    over.addEventListener("abort", () => reject(over.reason as Error), { once: true });
  });
  return /^\s*y(es)?\s*$/i.test(await Promise.race([lineOf(input()), left]));
}

async function lineOf(input: AsyncIterable<Uint8Array>): Promise<string> {
  let line = "";
  for await (const piece of input) {
    line += Buffer.from(piece).toString();
    if (line.includes("\n")) break;
  }
  return line.split("\n")[0] ?? "";
}
