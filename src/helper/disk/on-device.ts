import { BangerError } from "../../rpc/contract/errors.ts";
import { attribute } from "../../telemetry/names.ts";
import type { HelperDeps } from "../deps.ts";
import { KernelError } from "../kernel/libc.ts";

/** Works on a VM's device, in a span that names it; the kernel's refusal is `command_failed` in its own words. */
export function onDevice<T>(
  { layout, spans }: Pick<HelperDeps, "layout" | "spans">,
  span: string,
  vmId: string,
  work: () => T,
): Promise<T> {
  const { name } = layout.diskDevice(vmId);
  return spans.span(span, { attributes: { [attribute.device]: name } }, async () => {
    try {
      return work();
    } catch (cause) {
      if (!(cause instanceof KernelError || (cause instanceof Error && "syscall" in cause))) throw cause;
      throw refusal(name, cause);
    }
  });
}

function refusal(name: string, cause: Error): BangerError {
  const { code = "" } = cause as NodeJS.ErrnoException;
  if (code === "EBUSY") {
    return new BangerError(
      "already_exists",
      `a device ${name} is there that isn't banger's, or another device uses its files`,
      { cause },
    );
  }
  if (code === "ENOSPC") return new BangerError("no_space", `device ${name}: ${cause.message}`, { cause });
  return new BangerError("command_failed", `device ${name}: ${cause.message}`, {
    cause,
    details: {
      hint: "`dmesg`, as root, says what device-mapper missed; `modprobe -a dm_snapshot loop` loads what it needs.",
    },
  });
}
