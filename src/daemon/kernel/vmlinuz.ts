import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { Run } from "../process/run.ts";

/** What unpacking a kernel needs. */
export interface VmlinuzDeps {
  readonly run: Run;
  readonly signal: AbortSignal;
}

const elf = Buffer.from([0x7f, 0x45, 0x4c, 0x46]);
/** No kernel is larger; a compressed one that claims to be is hostile. */
const maxKernelBytes = 512 * 1024 * 1024;

/** How a payload is packed, by its first bytes. Behind all but gzip's the kernel's build puts 4 bytes with the size. */
const formats: readonly { readonly magic: readonly number[]; readonly unpack: Unpack }[] = [
  { magic: [0x1f, 0x8b], unpack: async (payload) => gunzipSync(payload, { maxOutputLength: maxKernelBytes }) },
  {
    magic: [0x28, 0xb5, 0x2f, 0xfd],
    unpack: async (payload) => zstdDecompressSync(payload.subarray(0, -4), { maxOutputLength: maxKernelBytes }),
  },
  { magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a], unpack: unpackBy("xz", ["-dc"]) },
  { magic: [0x02, 0x21, 0x4c, 0x18], unpack: unpackBy("lz4", ["-dc"]) },
];

type Unpack = (payload: Buffer, scratch: string, deps: VmlinuzDeps) => Promise<Buffer>;

/** The ELF kernel in a file that is one, or a bzImage around one: without its own unpacking a guest starts sooner. */
export async function readKernel(path: string, scratch: string, deps: VmlinuzDeps): Promise<Buffer> {
  const file = readBounded(path);
  if (file.subarray(0, 4).equals(elf)) return file;
  const payload = payloadOf(file, path);
  const format = formats.find(({ magic }) => payload.subarray(0, magic.length).equals(Buffer.from(magic)));
  if (format === undefined) {
    throw new BangerError(
      "bad_content",
      `source: ${path} is packed in a way that isn't known (${payload.toString("hex", 0, 4)})`,
    );
  }
  const kernel = await format.unpack(payload, scratch, deps).catch((cause: unknown) => {
    if (cause instanceof BangerError && cause.code !== "command_failed") throw cause;
    deps.signal.throwIfAborted();
    throw new BangerError("bad_content", `source: the kernel in ${path} can't be unpacked`, { cause });
  });
  if (!kernel.subarray(0, 4).equals(elf)) throw new BangerError("bad_content", `source: ${path} holds no ELF kernel`);
  return kernel;
}

/** The compressed kernel in a bzImage (Documentation/arch/x86/boot.rst: HdrS, payload_offset, payload_length). */
function payloadOf(file: Buffer, path: string): Buffer {
  if (file.length < 0x250 || file.toString("latin1", 0x202, 0x206) !== "HdrS") {
    throw new BangerError(
      "bad_content",
      `source: ${path} is neither an x86 kernel (bzImage, ELF) nor a Debian package`,
    );
  }
  const setupSectors = file.readUInt8(0x1f1) || 4;
  const start = (setupSectors + 1) * 512 + file.readUInt32LE(0x248);
  const end = start + file.readUInt32LE(0x24c);
  if (file.readUInt16LE(0x206) < 0x208 || end > file.length || start >= end) {
    throw new BangerError("bad_content", `source: ${path} doesn't say where its kernel lies, or is cut off`);
  }
  return file.subarray(start, end);
}

function unpackBy(file: string, args: readonly string[]): Unpack {
  return async (payload, scratch, { run, signal }) => {
    const [packed, unpacked] = [`${scratch}/payload`, `${scratch}/unpacked`];
    writeFileSync(packed, payload.subarray(0, -4));
    await run({ file, args, stdinFrom: packed, stdoutTo: unpacked, signal });
    rmSync(packed);
    return readBounded(unpacked);
  };
}

function readBounded(path: string): Buffer {
  const fd = openSync(path, "r");
  try {
    const bytes = readFileSync(fd);
    if (bytes.length > maxKernelBytes)
      throw new BangerError("bad_content", `source: ${path} is too large for a kernel`);
    return bytes;
  } finally {
    closeSync(fd);
  }
}
