/** An attribute of a netlink message (netlink(7)): its type, and bytes or attributes within it. */
export type Attribute = readonly [type: number, value: Buffer | readonly Attribute[]];

/** A netlink message that was received. */
export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly payload: Buffer;
}

const NLA_F_NESTED = 0x8000;
const NLA_TYPE_MASK = 0x3fff;
const headerBytes = 16;

/** A whole message: header, the family's own fixed part, attributes. */
export function encodeMessage(
  header: { readonly type: number; readonly flags: number; readonly seq: number },
  fixed: Buffer,
  attributes: readonly Attribute[] = [],
): Buffer {
  const body = Buffer.concat([pad(fixed), encodeAttributes(attributes)]);
  const bytes = Buffer.alloc(headerBytes);
  bytes.writeUInt32LE(headerBytes + body.length, 0);
  bytes.writeUInt16LE(header.type, 4);
  bytes.writeUInt16LE(header.flags, 6);
  bytes.writeUInt32LE(header.seq, 8);
  return Buffer.concat([bytes, body]);
}

/** Attributes one after the other. */
export function encodeAttributes(attributes: readonly Attribute[]): Buffer {
  return Buffer.concat(
    attributes.map(([type, value]) => {
      const bytes = Buffer.isBuffer(value) ? value : encodeAttributes(value);
      const header = Buffer.alloc(4);
      header.writeUInt16LE(4 + bytes.length, 0);
      header.writeUInt16LE(Buffer.isBuffer(value) ? type : type | NLA_F_NESTED, 2);
      return pad(Buffer.concat([header, bytes]));
    }),
  );
}

/** The messages of one datagram, with the sequence number of what they answer. */
export function decodeMessages(datagram: Buffer): (Message & { readonly seq: number })[] {
  const messages = [];
  for (let at = 0; at + headerBytes <= datagram.length; ) {
    const length = datagram.readUInt32LE(at);
    if (length < headerBytes || at + length > datagram.length) break;
    messages.push({
      type: datagram.readUInt16LE(at + 4),
      flags: datagram.readUInt16LE(at + 6),
      seq: datagram.readUInt32LE(at + 8),
      payload: datagram.subarray(at + headerBytes, at + length),
    });
    at += aligned(length);
  }
  return messages;
}

/** Attributes by their type. */
export function decodeAttributes(bytes: Buffer): Map<number, Buffer> {
  const attributes = new Map<number, Buffer>();
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = bytes.readUInt16LE(at);
    if (length < 4 || at + length > bytes.length) break;
    attributes.set(bytes.readUInt16LE(at + 2) & NLA_TYPE_MASK, bytes.subarray(at + 4, at + length));
    at += aligned(length);
  }
  return attributes;
}

/** The values of a list's elements, in order. */
export function decodeList(bytes: Buffer): Buffer[] {
  const values: Buffer[] = [];
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = bytes.readUInt16LE(at);
    if (length < 4 || at + length > bytes.length) break;
    values.push(bytes.subarray(at + 4, at + length));
    at += aligned(length);
  }
  return values;
}

/** A string as the kernel has it, with its end. */
export function text(value: string): Buffer {
  return Buffer.from(`${value}\0`);
}

/** The string of an attribute. */
export function fromText(bytes: Buffer | undefined): string | undefined {
  return bytes?.toString("utf8").replace(/\0.*$/s, "");
}

/** One byte. */
export function u8(value: number): Buffer {
  return Buffer.from([value]);
}

/** Four bytes in the host's order. */
export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** Four bytes in the network's order, as nf_tables has its numbers. */
export function u32be(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value | 0);
  return bytes;
}

function aligned(length: number): number {
  return (length + 3) & ~3;
}

function pad(bytes: Buffer): Buffer {
  return bytes.length % 4 === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(aligned(bytes.length) - bytes.length)]);
}
