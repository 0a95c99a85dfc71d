import { printable } from "../../../rpc/printable.ts";
import { command } from "../../command.ts";

/** `vm logs`: as it is when piped; in a terminal nothing that a guest writes moves the cursor. */
export const vmLogs = command({
  noun: "vm",
  verb: "logs",
  method: "vmLogs",
  positionals: ["vm"],
  short: { follow: "f" },
  examples: ["banger vm logs web", "banger vm logs -f web"],
  run: async (context, params) => {
    const { call, json, print, note, write, terminal, onlyLeave } = context;
    if (params.follow === true) onlyLeave();
    const decoder = new TextDecoder();
    const { bytes } = await call("vmLogs", params, {
      onEvent: async (event, data) => {
        if (event !== "data") return;
        const bytes = Buffer.from(String(data), "base64");
        if (json) await print({ text: decoder.decode(bytes, { stream: true }) }, () => "");
        else if (terminal.interactive)
          await write("stdout", Buffer.from(printable(decoder.decode(bytes, { stream: true }))));
        else await write("stdout", bytes);
      },
    });
    if (bytes === 0) note(`${params.vm} has nothing on its console`);
  },
});
