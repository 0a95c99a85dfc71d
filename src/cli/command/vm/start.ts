import { command } from "../../command.ts";
import { tellWarnings } from "../../output/warnings.ts";

/** `vm start`. */
export const vmStart = command({
  noun: "vm",
  verb: "start",
  method: "vmStart",
  positionals: ["vm"],
  several: true,
  examples: ["banger vm start web", "banger vm start web db cache", "banger vm start web --wait ssh"],
  show: async ({ print, note, json, opId }, vm) => {
    tellWarnings(vm, note);
    if (json) return await print(vm, () => "");
    const where = vm.network === "none" ? "without a network" : `at ${vm.address}`;
    if (vm.health === "paused") return note(`${vm.name} is paused; \`banger vm resume ${vm.name}\` lets it go on`);
    if (vm.unchanged === true) return note(`${vm.name} runs already, ${where}`);
    if (vm.accel === "tcg") note(`${vm.name} runs without KVM, so slowly: ${vm.accel_why}`);
    return note(`${vm.name} runs ${where}; \`banger trace show ${opId}\` shows how it came to`);
  },
});
