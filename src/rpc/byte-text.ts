import { isUtf8 } from "node:buffer";

/** Half of a pair that stands alone, which no UTF-8 decodes to: the byte that is no UTF-8 is its last 8 bits. */
const escapes = /[\udc80-\udcff]/gu;
const firstEscape = 0xdc00;
const longestSequence = 4;

/** Bytes as text that JSON carries unchanged: what is no UTF-8 becomes U+DC80 to U+DCFF, as in Python's `surrogateescape`. */
export function textOfBytes(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString("utf8");
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceAt(bytes, at);
    text +=
      length === 0 ? String.fromCharCode(firstEscape + (bytes[at] ?? 0)) : bytes.toString("utf8", at, at + length);
    at += Math.max(1, length);
  }
  return text;
}

/** The bytes that `textOfBytes` made this text of. */
export function bytesOfText(text: string): Buffer {
  if (text.isWellFormed()) return Buffer.from(text);
  const between = text.split(escapes).map((part) => Buffer.from(part));
  const escaped = Array.from(text.matchAll(escapes), ([half]) => Buffer.from([half.charCodeAt(0) - firstEscape]));
  return Buffer.concat(between.flatMap((part, index) => [part, escaped[index] ?? Buffer.alloc(0)]));
}

/** How many bytes the character that begins there has; 0 where none does. */
function sequenceAt(bytes: Buffer, at: number): number {
  for (let length = 1; length <= longestSequence && at + length <= bytes.length; length++) {
    if (isUtf8(bytes.subarray(at, at + length))) return length;
  }
  return 0;
}
