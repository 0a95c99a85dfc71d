import { BangerError } from "../../rpc/contract/errors.ts";

/** What an unpacked kernel says of itself. */
export interface KernelFacts {
  /** As `uname -r` says it in the guest. */
  readonly release: string;
  /** True with the note by which QEMU finds where to enter an ELF kernel (CONFIG_PVH). */
  readonly pvh: boolean;
}

/** e_machine of x86-64 (elf(5)). */
const x86 = 62;
/** XEN_ELFNOTE_PHYS32_ENTRY (the kernel's include/xen/interface/elfnote.h), as its note begins: the name's length, the content's, the type, the name. */
const pvhNotes = [4, 8].map((bytes) =>
  Buffer.concat([Buffer.from(Uint32Array.of(4, bytes, 18).buffer), Buffer.from("Xen\0")]),
);
const banner = Buffer.from("Linux version ");
/** A kernel has a few such words; what has them again and again is none. */
const mostBanners = 1_000;

/** Reads an ELF kernel, and refuses what is none, or another machine's. */
export function kernelFacts(elf: Buffer, path: string): KernelFacts {
  const refuse = (why: string) =>
    new BangerError("bad_content", `source: ${path} ${why}`, { details: { field: "source" } });
  if (elf.length < 64 || elf.readUInt8(4) !== 2 || elf.readUInt8(5) !== 1 || elf.readUInt16LE(18) !== x86) {
    throw refuse("is an ELF file for another machine; a guest needs a kernel for x86-64");
  }
  const release = releaseOf(elf);
  if (release === undefined) throw refuse("is an ELF file, but no Linux kernel");
  return { release, pvh: pvhNotes.some((note) => elf.includes(note)) };
}

/** The release in the kernel's banner; its format string, which has no number, is passed over. */
function releaseOf(elf: Buffer): string | undefined {
  let at = elf.indexOf(banner);
  for (let seen = 0; at !== -1 && seen < mostBanners; seen++, at = elf.indexOf(banner, at + 1)) {
    const found = /^Linux version (\d[\w.+~-]{0,63}) /.exec(elf.toString("latin1", at, at + 100));
    if (found?.[1] !== undefined) return found[1];
  }
  return undefined;
}
