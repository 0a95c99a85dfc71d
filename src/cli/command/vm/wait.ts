import { command } from "../../command.ts";

/** `vm wait`. */
export const vmWait = command({
  noun: "vm",
  verb: "wait",
  method: "vmWait",
  positionals: ["vm"],
  several: true,
  examples: ["banger vm wait web", "banger vm wait web --for ssh --timeout 60s", "banger vm wait web db --for stopped"],
  run: async ({ call, print, note, json }, params) => {
    const vm = await call("vmWait", params);
    if (json) await print(vm, () => "");
    else note(`${vm.name} ${waitedText[params.for ?? "ready"]}`);
  },
});

const waitedText = {
  ready: "is ready: a command runs in it",
  booted: "has booted",
  ssh: "is reached by ssh",
  stopped: "has stopped",
} as const;
