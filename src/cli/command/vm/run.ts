import type { Vm } from "../../../rpc/contract/vm.ts";
import type { Warning } from "../../../rpc/contract/warning.ts";
import { command } from "../../command.ts";
import { tellWarnings } from "../../output/warnings.ts";
import { asShell, exitCodeOf, takeOutput, withValue } from "./exec.ts";
import { Shell, type Target } from "./shell.ts";

/** `vm run`: standard output is the command's alone; what the VM does is told on standard error, step by step only where a person watches. */
export const vmRun = command({
  noun: "vm",
  verb: "run",
  method: "vmRun",
  about:
    "It lasts as long as its command, so it takes no --detach: `vm create` and `vm start --detach` begin a VM that nobody waits for, and `vm exec` runs commands in it. With --json what it prints is in the result, which holds 64 MiB: a command that prints more is ended.",
  positionals: [],
  rest: { name: "argv", summary: "the command and its arguments; a shell by default", required: false },
  short: { stdin: "i", env: "e", user: "u", cwd: "C" },
  quiet: "nothing on standard error but the command's own; --no-quiet shows each step in a pipe too",
  examples: [
    "banger vm run --rm -- uname -a",
    "banger vm run --rm",
    "banger vm run --rm -i --memory 1G --label ci/job=7 -- sh -e < test.sh",
    "banger run --name web -- systemctl start nginx",
  ],
  run: async (context, params, argv) => {
    const { call, json, note, print } = context;
    const output = takeOutput(context);
    const shell = new Shell(context, []);
    const runs = Promise.withResolvers<void>();
    const end = await call(
      "vmRun",
      { ...params, env: (params.env ?? []).map((given) => withValue(given, "vm run")), argv: [...argv] },
      {
        progress: "watched",
        ...(argv.length === 0
          ? { input: shell.until }
          : { passesSignals: runs.promise, ...(params.stdin === true ? { input: context.stdin } : {}) }),
        onEvent: async (event, data) => {
          if (event === "started") {
            runs.resolve();
            return started(data as Started, params.rm === true, note);
          }
          if (event === "ssh") return shell.begin(data as Target);
          await output.take(event, data);
        },
      },
    )
      .catch((error: unknown) => {
        throw asShell(error, argv[0] ?? "");
      })
      .finally(() => shell.end());
    if (end.out_of_memory === true) note(`banger: vm.run: ${argv[0] ?? ""}: killed, the guest is out of memory`);
    if (end.not_removed !== undefined)
      note(`banger: vm.run: vm ${end.vm.name} is not deleted yet, but will be: ${end.not_removed}`);
    const exitCode = argv.length === 0 ? await shell.exitCode : output.endedWith(exitCodeOf(end));
    if (json)
      await print({ ...end, exit_code: argv.length === 0 ? exitCode : end.exit_code, ...output.collected() }, () => "");
    return exitCode;
  },
});

interface Started {
  readonly vm: Vm;
  readonly warnings?: readonly Warning[];
}

function started({ vm, warnings }: Started, goes: boolean, note: (text: string) => void): void {
  tellWarnings({ warnings }, note);
  if (!goes) note(`vm ${vm.name} runs at ${vm.address}, and goes on when the command ends`);
}
