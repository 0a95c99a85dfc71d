import { bytesAt } from "../process/bytes-at.ts";
import { missingOptions } from "./kernel-config.ts";
import { mmioModulesList, noMmioReason } from "./kernel-initrd.ts";
import { type BootableKernel, elfMagic } from "./vmlinuz.ts";

/** Without the first, nothing is seen of a guest, and its end can't be told; the second is how it finds its devices. */
const options = ["SERIAL_8250_CONSOLE", "VIRTIO_MMIO"];
/** A kernel with either of these is told where its devices lie. */
const toldBy = ["ACPI", "VIRTIO_MMIO_CMDLINE_DEVICES"];

const noElf = "it has no PVH entry (CONFIG_PVH), so it is kept as a bzImage, and Firecracker boots ELF files alone";
const neitherListNorReason =
  "it was imported by a banger that knew no Firecracker: `banger kernel import` it again, with its modules";
/** The list, or why there is none, stands before the modules, behind a few directories. */
const listWithin = 16 * 1024;

/** What speaks against Firecracker in a kernel that is imported, as far as its files tell. `driver`: the one that it lacks. */
export function unfitForFirecracker(
  { boot, elf }: Pick<BootableKernel, "boot" | "elf">,
  driver: string | undefined,
): string | undefined {
  if (boot !== elf) return noElf;
  if (driver !== undefined) return `it has no ${driver}, neither built in nor as a module`;
  const missing = missingOptions(elf, options);
  const untold = missingOptions(elf, toldBy);
  if (untold.length === toldBy.length) missing.push(untold.join(" or CONFIG_"));
  return missing.length === 0
    ? undefined
    : `it was built without ${missing.map((option) => `CONFIG_${option}`).join(", ")}`;
}

/** Why Firecracker can't boot a kernel that was imported, by its two files; undefined where nothing speaks against it. */
export function whyNotFirecracker(files: { readonly vmlinux: string; readonly initrd: string }): string | undefined {
  if (!bytesAt(files.vmlinux, 0, elfMagic.length).equals(elfMagic)) return noElf;
  const head = bytesAt(files.initrd, 0, listWithin);
  if (head.includes(`${mmioModulesList}\0`)) return undefined;
  return reasonIn(head.toString("latin1")) ?? neitherListNorReason;
}

/** Why its import gave it no list: the line behind the name and what the archive fills up with. */
function reasonIn(head: string): string | undefined {
  return new RegExp(`${noMmioReason}\0+([^\0\n]+)\n`).exec(head)?.[1];
}
