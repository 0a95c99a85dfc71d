import { existsSync } from "node:fs";
import { dirname } from "node:path";
import type { Layout } from "../../installation/layout.ts";
import { diskFormats } from "../../rpc/contract/disk-kind.ts";
import type { Finding } from "../../rpc/contract/finding.ts";
import type { StoredVm } from "./vm-records.ts";

/** Files that a VM is started with and that somebody removed: its root disk, and those of its image and kernel. */
export function missingFiles(layout: Pick<Layout, "vm" | "image" | "kernel">, vm: StoredVm): Finding[] {
  const { id, disk_kind: kind, image, kernel } = vm;
  const { vmlinux, initrd, directory } = layout.kernel(kernel.id);
  // A disk of another kind has all that it needs of its image.
  const readsImage = kind === "qcow2" || kind === "dm-snapshot";
  return [
    ...lacks([layout.vm(id).rootDisk[diskFormats[kind]]], (path) => ({
      code: "disk_gone",
      message: `the file of its root disk is gone: ${path}`,
      hint: `Put it back, or delete the VM (\`banger vm rm ${vm.name}\`) and make it again.`,
    })),
    ...(readsImage
      ? lacks([layout.image(image.id)], (path) => contentMissing("image", image.name, dirname(path)))
      : []),
    ...lacks([vmlinux, initrd], () => contentMissing("kernel", kernel.name, directory)).slice(0, 1),
  ].map((finding) => ({ ...finding, level: "error" }));
}

/** An image or a kernel whose record alone is there, as a start and the doctor tell it. */
export function contentMissing(what: "image" | "kernel", name: string, directory: string): Omit<Finding, "level"> {
  return {
    code: `${what}_missing`,
    message: `the files of ${what} ${name} are gone or cut off: ${directory}`,
    hint: missingHint(what, name),
  };
}

/** What is done about an image or a kernel whose files are gone. */
export function missingHint(what: "image" | "kernel", name: string): string {
  return `Put them back, or import the same again (\`banger ${what} import\`); \`banger ${what} rm ${name}\` removes what is left.`;
}

function lacks(paths: readonly string[], tell: (path: string) => Omit<Finding, "level">): Omit<Finding, "level">[] {
  return paths.filter((path) => !existsSync(path)).map(tell);
}
