import { command } from "../../command.ts";

/** `vm exec`: the command's output is ours, and its exit code; a signal's is 128 and its number, as in a shell. */
export const vmExec = command({
  noun: "vm",
  verb: "exec",
  method: "vmExec",
  positionals: ["vm"],
  rest: { name: "argv", summary: "the command and its arguments", required: true },
  short: { stdin: "i", env: "e", user: "u", cwd: "C" },
  examples: ["banger vm exec web -- uname -a", "banger vm exec -i -u nobody web -- sh -c 'wc -c' < file"],
  run: async ({ call, json, print, write, stdin }, params, argv) => {
    const collected = { stdout: "", stderr: "" };
    const end = await call(
      "vmExec",
      { ...params, argv: [...argv] },
      {
        ...(params.stdin === true ? { input: stdin } : {}),
        onEvent: async (event, data) => {
          if (event !== "stdout" && event !== "stderr") return;
          const bytes = Buffer.from(String(data), "base64");
          if (json) collected[event] += bytes.toString("latin1");
          else await write(event, bytes);
        },
      },
    );
    if (json) {
      const text = (latin1: string) => Buffer.from(latin1, "latin1").toString("utf8");
      print({ ...end, stdout: text(collected.stdout), stderr: text(collected.stderr) }, () => "");
    }
    return end.signal === null ? (end.exit_code ?? 0) : 128 + end.signal;
  },
});
