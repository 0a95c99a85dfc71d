import { timeText } from "../../../rpc/amount-text.ts";
import type { ChangedVm } from "../../../rpc/contract/vm.ts";
import { command } from "../../command.ts";
import { usage } from "../../usage.ts";
import { labelText, laterText, waitingText } from "./render.ts";

/** `vm set`. */
export const vmSet = command({
  noun: "vm",
  verb: "set",
  method: "vmSet",
  positionals: ["vm"],
  examples: [
    "banger vm set web --disk 40G",
    "banger vm set web --network isolated",
    "banger vm set web --ttl 8h --idle 0 --no-autostart",
    "banger vm set web --vmm qemu --accel auto",
    "banger vm set web --volume data:/srv/data --no-volume old",
    "banger vm set web --cpus 4 --memory 8G --label team=infra --unlabel draft",
  ],
  run: async ({ call, print, note, json }, params) => {
    if (Object.keys(params).every((name) => name === "vm"))
      throw usage("vm set: nothing is named that is to change, like --memory 2G", "vm set");
    const vm = await call("vmSet", params);
    if (json) return await print(vm, () => "");
    if (vm.unchanged === true) return note(`${vm.name} is so already`);
    return note(setText(vm, new Set(Object.keys(params))));
  },
});

function volumesText({ volumes = [] }: ChangedVm): string {
  if (volumes.length === 0) return "no volumes";
  return `volumes ${volumes.map(({ name, path }) => `${name} at ${path}`).join(", ")}`;
}

/** What was asked for, and where that isn't so now what is; one that runs goes on as it was started. */
function wishText(wanted: string | undefined, has: string | null, why: string | null | undefined): string {
  if (wanted === undefined || has === null) return wanted ?? has ?? "";
  const later = laterText(has, why, wanted) === "" ? "" : " from its next start on";
  return `${wanted}${later}${wanted === has ? "" : ` (now ${has})`}`;
}

/** What a VM has now, of what was asked for. */
function setText(vm: ChangedVm, asked: ReadonlySet<string>): string {
  const grows = vm.state === "running" ? "its guest grows the file system now" : "its guest will see that at its start";
  const said: readonly (readonly [string, string])[] = [
    ["cpus", `${vm.cpus} ${vm.cpus === 1 ? "CPU" : "CPUs"}`],
    ["memory_mib", `${vm.memory_mib} MiB of memory`],
    ["disk_mib", `a disk of ${vm.disk_mib} MiB (${grows})`],
    ["network", `network ${vm.network}`],
    ["vmm", `vmm ${wishText(vm.vmm_wanted, vm.vmm, vm.vmm_why)}`],
    ["accel", `accel ${wishText(vm.accel_wanted, vm.accel, vm.accel_why)}`],
    ["volume", volumesText(vm)],
    ["no_volume", volumesText(vm)],
    ["label", `the labels ${labelText(vm.labels)}`],
    [
      "unlabel",
      vm.labels !== undefined && Object.keys(vm.labels).length > 0 ? `the labels ${labelText(vm.labels)}` : "no labels",
    ],
    ["ttl_s", vm.ttl_s ? `a ttl of ${timeText.show(vm.ttl_s)}, from its start on` : "no ttl"],
    ["idle_s", vm.idle_s ? `an idle time of ${timeText.show(vm.idle_s)}` : "no idle time"],
    ["autostart", `autostart ${vm.autostart === true ? "on" : "off"}`],
    ["on_reboot", `on-reboot ${vm.on_reboot}`],
  ];
  const has = new Set(said.filter(([param]) => asked.has(param)).map(([, text]) => text));
  const waits = waitingText(vm);
  return `${vm.name} has ${[...has].join(", ")}${waits === undefined ? "" : `; until it is restarted it keeps ${waits}`}`;
}
