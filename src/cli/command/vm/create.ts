import { command } from "../../command.ts";

/** `vm create`: prints the new VM's name. */
export const vmCreate = command({
  noun: "vm",
  verb: "create",
  method: "vmCreate",
  positionals: [],
  examples: [
    "banger vm create",
    "banger vm create --name web --cpus 2 --memory 1G --disk 40G",
    "banger vm create --name web --work-disk 20G --volume data:/srv/data",
    "banger vm create --vmm qemu --accel tcg",
    "banger vm create --label team=infra",
    "banger vm create --detach",
  ],
  show: ({ print }, vm) => print(vm, ({ name }) => `${name}\n`),
});
