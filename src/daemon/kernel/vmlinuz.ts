import { BangerError } from "../../rpc/contract/errors.ts";
import { type KernelFacts, kernelFacts } from "./elf-kernel.ts";
import { notAKernel } from "./file-kinds.ts";
import { mustBeConfigured } from "./kernel-config.ts";
import { gunzip, readBounded, unlz4, type Unpack, type UnpackDeps, unpacked, unxz, unzstd } from "./unpack.ts";

/** How an ELF file begins. */
export const elfMagic = Buffer.from([0x7f, 0x45, 0x4c, 0x46]);

/** How a payload is packed, by its first bytes. Behind all but gzip's the kernel's build puts 4 bytes with the size. */
const formats: readonly { readonly magic: readonly number[]; readonly unpack: Unpack }[] = [
  { magic: [0x1f, 0x8b], unpack: gunzip },
  { magic: [0x28, 0xb5, 0x2f, 0xfd], unpack: (payload, deps) => unzstd(payload.subarray(0, -4), deps) },
  { magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a], unpack: (payload, deps) => unxz(payload.subarray(0, -4), deps) },
  { magic: [0x02, 0x21, 0x4c, 0x18], unpack: (payload, deps) => unlz4(payload.subarray(0, -4), deps) },
];

/** A kernel that a VMM boots. */
export interface BootableKernel extends KernelFacts {
  /** The unpacked kernel. */
  readonly elf: Buffer;
  /** The file that is booted: the unpacked kernel, with which a guest starts sooner, or the bzImage where QEMU can't enter that. */
  readonly boot: Buffer;
}

/** Reads a kernel's file, an ELF kernel or a bzImage around one, and refuses what no guest could boot. */
export async function readKernel(path: string, deps: UnpackDeps): Promise<BootableKernel> {
  const file = readBounded(path);
  const isElf = file.subarray(0, 4).equals(elfMagic);
  const elf = isElf ? file : await unpackKernel(file, path, deps);
  const facts = kernelFacts(elf, path);
  mustBeConfigured(elf, path);
  if (facts.pvh || !isElf) return { ...facts, elf, boot: facts.pvh ? elf : file };
  throw new BangerError(
    "bad_content",
    `source: ${path} has no PVH entry (CONFIG_PVH), so QEMU can't boot it as it is; give its bzImage (arch/x86/boot/bzImage)`,
    { details: { field: "source" } },
  );
}

async function unpackKernel(file: Buffer, path: string, deps: UnpackDeps): Promise<Buffer> {
  const payload = payloadOf(file, path);
  const format = formats.find(({ magic }) => payload.subarray(0, magic.length).equals(Buffer.from(magic)));
  if (format === undefined) {
    throw new BangerError(
      "bad_content",
      `source: ${path} is packed in a way that isn't known (${payload.toString("hex", 0, 4)})`,
    );
  }
  const elf = await unpacked(`the kernel in ${path}`, format.unpack, payload, deps);
  if (!elf.subarray(0, 4).equals(elfMagic)) throw new BangerError("bad_content", `source: ${path} holds no ELF kernel`);
  return elf;
}

/** The compressed kernel in a bzImage (Documentation/arch/x86/boot.rst: HdrS, payload_offset, payload_length). */
function payloadOf(file: Buffer, path: string): Buffer {
  if (file.length < 0x250 || file.toString("latin1", 0x202, 0x206) !== "HdrS") throw notAKernel(file, path);
  const setupSectors = file.readUInt8(0x1f1) || 4;
  const start = (setupSectors + 1) * 512 + file.readUInt32LE(0x248);
  const end = start + file.readUInt32LE(0x24c);
  if (file.readUInt16LE(0x206) < 0x208 || end > file.length || start >= end) {
    throw new BangerError("bad_content", `source: ${path} doesn't say where its kernel lies, or is cut off`);
  }
  return file.subarray(start, end);
}
