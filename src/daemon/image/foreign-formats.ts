/** A format that isn't taken. */
interface ForeignFormat {
  readonly at: number;
  /** Latin-1. */
  readonly magic: string;
  readonly what: string;
  readonly next: string;
}

const toTar = (how: string) =>
  `unpack it as root and pack the tree: ${how} && tar -C tree --numeric-owner --xattrs -cf root.tar .`;
const mounted = (type: string) =>
  `as root: mount -o loop,ro -t ${type} FILE /mnt && tar -C /mnt --numeric-owner --xattrs -cf root.tar .`;
const converted = (format: string) => `convert it: qemu-img convert -f ${format} -O raw FILE disk.raw, and import that`;

/** What people bring that banger doesn't take, and what makes of it something that it does. */
export const foreignFormats: readonly ForeignFormat[] = [
  { at: 0, magic: "PK\x03\x04", what: "a zip archive", next: toTar("unzip -d tree FILE") },
  { at: 0, magic: "PK\x05\x06", what: "an empty zip archive", next: "check what it was made from" },
  { at: 0, magic: "070701", what: "a cpio archive", next: toTar("mkdir tree && (cd tree && cpio -idm) <FILE") },
  { at: 0, magic: "070702", what: "a cpio archive", next: toTar("mkdir tree && (cd tree && cpio -idm) <FILE") },
  { at: 0, magic: "070707", what: "a cpio archive", next: toTar("mkdir tree && (cd tree && cpio -idm) <FILE") },
  { at: 0, magic: "\xc7\x71", what: "a cpio archive", next: toTar("mkdir tree && (cd tree && cpio -idm) <FILE") },
  { at: 0, magic: "7z\xbc\xaf\x27\x1c", what: "a 7-Zip archive", next: toTar("7z x -otree FILE") },
  {
    at: 0,
    magic: "!<arch>\n",
    what: "a Debian package or an ar archive",
    next: "give a root file system; `banger kernel import` takes a kernel's package",
  },
  { at: 0, magic: "\xed\xab\xee\xdb", what: "an RPM package", next: "give a root file system" },
  { at: 0, magic: "hsqs", what: "a squashfs file system", next: toTar("unsquashfs -d tree FILE") },
  {
    at: 32_769,
    magic: "CD001",
    what: "an ISO 9660 image, most often of an installer",
    next: "take the distribution's cloud image or root archive instead",
  },
  { at: 0, magic: "KDMV", what: "a VMDK disk", next: converted("vmdk") },
  { at: 0, magic: "# Disk DescriptorFile", what: "a VMDK disk's descriptor", next: converted("vmdk") },
  { at: 0, magic: "conectix", what: "a VHD disk", next: converted("vpc") },
  { at: 0, magic: "vhdxfile", what: "a VHDX disk", next: converted("vhdx") },
  { at: 64, magic: "\x7f\x10\xda\xbe", what: "a VDI disk", next: converted("vdi") },
  { at: 0, magic: "LUKS\xba\xbe", what: "an encrypted (LUKS) volume", next: "give what is in it" },
  { at: 536, magic: "LVM2 001", what: "an LVM physical volume", next: "give the root volume's own content" },
  { at: 0, magic: "XFSB", what: "an XFS file system", next: mounted("xfs") },
  { at: 65_600, magic: "_BHRfS_M", what: "a btrfs file system", next: mounted("btrfs") },
  { at: 1_024, magic: "\xe2\xe1\xf5\xe0", what: "an EROFS file system", next: mounted("erofs") },
  { at: 1_024, magic: "\x10\x20\xf5\xf2", what: "an F2FS file system", next: mounted("f2fs") },
  { at: 514, magic: "HdrS", what: "a Linux kernel (a bzImage)", next: "`banger kernel import` takes it" },
  {
    at: 0,
    magic: "\x7fELF",
    what: "a program or a kernel",
    next: "give a root file system; `banger kernel import` takes a kernel",
  },
];
