import { command } from "../../command.ts";
import { Shell, type Target } from "./shell.ts";

/** `vm ssh`: the system's own ssh, with the key and the host key that banger made; whatever the caller's ssh is set to. */
export const vmSsh = command({
  noun: "vm",
  verb: "ssh",
  method: "vmSsh",
  positionals: ["vm"],
  sets: ["hold"],
  rest: {
    name: "command",
    summary: "a command to run instead of a shell: one word is a shell's line, several arrive as they are",
    required: false,
  },
  examples: [
    "banger vm ssh web",
    "banger vm ssh web -- uptime",
    "banger vm ssh web -- vim notes",
    "banger vm ssh web -- 'ls /etc | wc -l'",
  ],
  run: async (context, params, remote) => {
    const { call, json, print } = context;
    if (json && remote.length === 0) {
      await print(await call("vmSsh", params), () => "");
      return 0;
    }
    const shell = new Shell(context, remote);
    const begin = (event: string, data: unknown) => {
      if (event === "ssh") shell.begin(data as Target);
    };
    try {
      const target = await call("vmSsh", { ...params, hold: true }, { input: shell.until, onEvent: begin });
      // An older daemon holds nothing.
      if (!shell.began) shell.begin(target);
    } catch (error) {
      // Once it is there, ssh needs no daemon.
      if (!shell.began) throw error;
    }
    return shell.exitCode;
  },
});
