import { gunzipSync } from "node:zlib";
import { BangerError } from "../../rpc/contract/errors.ts";

/** Without one of these no guest of banger's comes up: it unpacks an initrd, runs programs from it, and mounts what they need. */
const required = ["BLK_DEV_INITRD", "BINFMT_ELF", "DEVTMPFS", "PROC_FS", "SYSFS", "TTY", "UNIX", "NET", "INET"];

/** How the kernel's configuration is framed in it (CONFIG_IKCONFIG: the kernel's kernel/configs.c). */
const [begin, end] = [Buffer.from("IKCFG_ST"), Buffer.from("IKCFG_ED")];
/** A configuration is a quarter of a MiB. */
const maxBytes = 8 * 1024 * 1024;

/** Refuses a kernel that says in its own configuration, where it carries one, that it lacks what a guest needs. */
export function mustBeConfigured(elf: Buffer, path: string): void {
  const missing = missingOptions(elf, required);
  if (missing.length === 0) return;
  throw new BangerError(
    "bad_content",
    `source: ${path} was built without ${missing.map((option) => `CONFIG_${option}`).join(", ")}, which a guest needs`,
    { details: { field: "source", missing } },
  );
}

/** Of these options those that a kernel was built without, as it says in its own configuration; none where it carries none. */
export function missingOptions(elf: Buffer, options: readonly string[]): string[] {
  const config = embeddedConfig(elf);
  if (config === undefined) return [];
  return options.filter((option) => !new RegExp(`^CONFIG_${option}=[ym]$`, "m").test(config));
}

function embeddedConfig(elf: Buffer): string | undefined {
  const at = elf.indexOf(begin);
  const stop = at === -1 ? -1 : elf.indexOf(end, at);
  if (stop === -1) return undefined;
  try {
    return gunzipSync(elf.subarray(at + begin.length, stop), { maxOutputLength: maxBytes }).toString("latin1");
  } catch {
    // Only the words were there.
    return undefined;
  }
}
