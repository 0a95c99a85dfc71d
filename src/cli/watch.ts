import { BangerError } from "../rpc/contract/errors.ts";
import type { CommandContext, Input, MethodKey } from "./command.ts";
import { leftBy } from "./left-by.ts";
import { Screen } from "./output/screen.ts";

/** What is watched, and how it is shown. */
export interface Watching<K extends MethodKey, T> {
  readonly method: K;
  readonly params: Input<K>;
  /** The event that tells it. */
  readonly event: string;
  /** What the event carries, as it is printed as JSON. */
  readonly read: (data: unknown) => T;
  readonly show: (value: T) => string;
  /** On a terminal it is shown again so often, for what changes by itself. */
  readonly redrawMs?: number;
}

/** Shows what a method tells until Ctrl-C: in place on a terminal, else one after the other, or a line of JSON each. Resolves with the exit code. */
export async function watch<K extends MethodKey, T>(
  context: CommandContext,
  { method, params, event: told, read, show, redrawMs }: Watching<K, T>,
): Promise<number> {
  const { call, json, print, terminal, write } = context;
  const screen = terminal.interactive && !json ? new Screen() : undefined;
  // Ctrl-C is how it is left, and cancels nothing.
  context.onlyLeave();
  let value: T | undefined;
  let last: string | undefined;
  const draw = async () => {
    if (value === undefined) return;
    if (screen !== undefined) return void (await write("stdout", Buffer.from(screen.next(show(value)))));
    const shown = show(value);
    // What it shows may be the same though something else has changed.
    if (!json && shown === last) return;
    await print(value, () => (last === undefined ? shown : `\n${shown}`));
    last = shown;
  };
  const again = screen === undefined || redrawMs === undefined ? undefined : redrawMs;
  const timer = again === undefined ? undefined : setInterval(() => void draw().catch(() => undefined), again);
  try {
    await call(method, params, {
      onEvent: async (event, data) => {
        if (event !== told) return;
        value = read(data);
        await draw();
      },
    });
    return 0;
  } catch (error) {
    // Ctrl-C is how it ends.
    if (!(error instanceof BangerError) || error.code !== "cancelled") throw error;
    return leftBy(context);
  } finally {
    clearInterval(timer);
  }
}
