import { hasTarHeader } from "../../archive/tar-reader.ts";
import { foreignFormats } from "./foreign-formats.ts";

/** What a file is by its first bytes; of what can't be taken, what to do with it. */
export type Format =
  | { readonly kind: "tar" | "ext" | "qcow2" | "partitioned" }
  | { readonly kind: "compressed"; readonly program: Decompressor }
  | { readonly kind: "foreign"; readonly what: string; readonly next: string };

/** The programs that unpack what is compressed. */
export type Decompressor = "gzip" | "xz" | "bzip2" | "zstd" | "lz4";

/** The command that unpacks a stream; a program adds `-d`. zstd says no to a window that it was not asked to allow. */
export function decompression(program: Decompressor): [file: string, ...options: string[]] {
  return program === "zstd" ? [program, "--long=31"] : [program];
}

/** So many first bytes tell one format from another. */
export const headBytes = 72 * 1024;

const compressed: readonly [magic: string, program: Decompressor][] = [
  ["1f8b", "gzip"],
  ["fd377a585a00", "xz"],
  ["425a68", "bzip2"],
  ["28b52ffd", "zstd"],
  ["04224d18", "lz4"],
];

/** Recognises a file by its first bytes. */
export function recognise(head: Buffer): Format {
  const program = compressed.find(([magic]) => head.subarray(0, magic.length / 2).toString("hex") === magic)?.[1];
  if (program !== undefined) return { kind: "compressed", program };
  if (hasTarHeader(head)) return { kind: "tar" };
  const foreign = foreignFormats.find(
    ({ at, magic }) => head.subarray(at, at + magic.length).toString("latin1") === magic,
  );
  if (foreign !== undefined) return { kind: "foreign", what: foreign.what, next: foreign.next };
  if (head.subarray(0, 4).toString("latin1") === "QFI\xfb") return { kind: "qcow2" };
  if (head.length >= 1082 && head.readUInt16LE(1080) === 0xef53) return { kind: "ext" };
  if (head.length >= 512 && head.readUInt16LE(510) === 0xaa55) return { kind: "partitioned" };
  if (head.every((byte) => byte === 0))
    return {
      kind: "foreign",
      what: "an archive of nothing, or an empty disk: it begins with zeros",
      next: "check what it was made from",
    };
  return {
    kind: "foreign",
    what: "neither a tar archive nor a disk: none of ext4, a raw disk's partition table, qcow2",
    next: "see `banger image import --help`",
  };
}
