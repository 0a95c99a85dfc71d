import { BangerError } from "../../rpc/contract/errors.ts";
import type { Vm } from "../../rpc/contract/vm.ts";
import { maxFrameBytes } from "../../rpc/frame.ts";

/** What a frame has around a list. */
const aroundBytes = 1_024;

/** VMs as a list has them: what the console of one that failed said last, up to 48 KiB, is for who looks at that one. */
export function listed(all: readonly Vm[]): Vm[] {
  const vms = all.map(withoutConsole);
  const bytes = Buffer.byteLength(JSON.stringify(vms));
  if (bytes <= maxFrameBytes - aroundBytes) return vms;
  throw new BangerError("frame_too_large", `${vms.length} VMs are ${bytes} bytes, more than one answer holds`, {
    details: { hint: "Narrow the list with `--state` or `--label`." },
  });
}

function withoutConsole(vm: Vm): Vm {
  if (vm.error?.console === undefined) return vm;
  const { console: _, ...error } = vm.error;
  return { ...vm, error };
}
