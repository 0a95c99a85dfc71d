import { BangerError } from "../../rpc/contract/errors.ts";

/** What people give for a kernel that isn't one that can be taken: how such a file begins, what it is, and what to do. */
const kinds: readonly { readonly at: number; readonly magic: Buffer; readonly is: string; readonly next: string }[] = [
  { at: 0, magic: hex("1f8b"), is: "a gzip file", next: "unpack it (gunzip)" },
  { at: 0, magic: hex("fd377a585a00"), is: "an xz file", next: "unpack it (unxz)" },
  { at: 0, magic: hex("28b52ffd"), is: "a zstd file", next: "unpack it (unzstd)" },
  { at: 0, magic: Buffer.from("070701"), is: "an initrd", next: "give the kernel; banger makes the initrd itself" },
  {
    at: 0,
    magic: hex("edabeedb"),
    is: "an RPM package",
    next: "unpack it (rpm2cpio), then give its vmlinuz, and its modules with --modules",
  },
  { at: 56, magic: Buffer.from("ARM\x64"), is: "a kernel for arm64", next: "a guest needs one for x86-64" },
  {
    at: 257,
    magic: Buffer.from("ustar"),
    is: "a tar archive",
    next: "unpack it, then give its vmlinuz, and its modules with --modules",
  },
  {
    at: 0,
    magic: Buffer.from("MZ"),
    is: "an EFI program (a unified kernel image?)",
    next: "`objcopy -O binary --only-section=.linux FILE vmlinuz` takes the kernel out of one",
  },
];

/** The refusal of a file that is no kernel. */
export function notAKernel(file: Buffer, path: string): BangerError {
  const kind = kinds.find(({ at, magic }) => file.subarray(at, at + magic.length).equals(magic));
  const what = file.length === 0 ? "is empty" : kind === undefined ? "isn't one" : `is ${kind.is}`;
  const next = kind === undefined ? "" : `; ${kind.next}`;
  return new BangerError(
    "bad_content",
    `source: a kernel is a bzImage, an ELF file for x86-64 or a Debian package, and ${path} ${what}${next}`,
    { details: { field: "source" } },
  );
}

/** True for a Debian package, whatever its name: an ar archive (deb(5)). */
export function isDebianPackage(head: Buffer): boolean {
  return head.subarray(0, 21).equals(Buffer.from("!<arch>\ndebian-binary"));
}

function hex(digits: string): Buffer {
  return Buffer.from(digits, "hex");
}
