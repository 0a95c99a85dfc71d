import { BangerError } from "../../../rpc/contract/errors.ts";
import { command } from "../../command.ts";
import { EscapeKey } from "../../escape-key.ts";
import { leftBy } from "../../left-by.ts";

/** `vm console`: the guest has the terminal here, as it is, until the escape key is pressed. */
export const vmConsole = command({
  noun: "vm",
  verb: "console",
  method: "vmConsole",
  positionals: ["vm"],
  short: { read_only: "r", lines: "n" },
  examples: ["banger vm console web", "banger vm console --read-only web", "banger vm console --escape ^A web"],
  run: async (context, params) => {
    const { call, json, note, print, write, stdin, lendTerminal } = context;
    const key = new EscapeKey(params.escape ?? "^]");
    const readOnly = params.read_only === true || json;
    using terminal = readOnly ? undefined : await lendTerminal({ raw: true });
    if (readOnly) context.onlyLeave();
    const how = terminal?.raw === true ? key.shown : "Ctrl-C";
    note(`${params.vm}: its serial console${how === undefined ? "" : `; ${how} leaves it`}`);
    const decoder = new TextDecoder();
    const typed = terminal?.raw === true ? { input: key.watch(stdin), leave: key.pressed } : { input: forever(stdin) };
    try {
      await call(
        "vmConsole",
        { ...params, read_only: readOnly },
        {
          ...(readOnly ? {} : typed),
          onEvent: async (event, data) => {
            if (event !== "data") return;
            const bytes = Buffer.from(String(data), "base64");
            if (json) await print({ text: decoder.decode(bytes, { stream: true }) }, () => "");
            else await write("stdout", bytes);
          },
        },
      );
    } catch (error) {
      if (!(error instanceof BangerError) || error.code !== "cancelled") throw error;
      // Who only looks leaves by Ctrl-C, as it says above.
      if (!key.pressed.aborted && readOnly) return leftBy(context);
      if (!key.pressed.aborted) throw error;
      terminal?.[Symbol.dispose]();
      return note(`\nleft the console of ${params.vm}, which runs on`);
    }
    terminal?.[Symbol.dispose]();
    note(`\n${params.vm} has ended`);
  },
});

/** What is typed by a pipe may end; who typed it goes on reading. */
async function* forever(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* input;
  await new Promise(() => undefined);
}
