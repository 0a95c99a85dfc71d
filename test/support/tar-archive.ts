/** A member of an archive that a test makes by hand, so that it may be one that no program makes. */
export interface Member {
  readonly name: string | Buffer;
  readonly type?: string;
  readonly link?: string;
  readonly data?: string | Buffer;
  /** What the header says, where that is not the data's. */
  readonly size?: number;
  readonly uid?: number;
  /** What a PAX header before it says. */
  readonly pax?: Readonly<Record<string, string>>;
}

const block = 512;

/** A tar archive of these members; `end` is what stands behind the last. */
export function tarArchive(members: readonly Member[], end: Buffer = Buffer.alloc(2 * block)): Buffer {
  return Buffer.concat([...members.flatMap(blocksOf), end]);
}

function blocksOf(member: Member): Buffer[] {
  const { name, type = "0", link = "", data = "", size = Buffer.from(data).length, uid = 0, pax } = member;
  const extension = pax === undefined ? [] : blocksOf({ name: "pax", type: "x", data: paxRecords(pax) });
  const header = Buffer.alloc(block);
  Buffer.from(name).copy(header, 0, 0, 100);
  const octal = (value: number, at: number, length: number) =>
    header.write(value.toString(8).padStart(length - 1, "0"), at);
  octal(type === "5" ? 0o755 : 0o644, 100, 8);
  octal(uid, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(0, 136, 12);
  header.write(type, 156);
  header.write(link, 157);
  header.write("ustar\u000000", 257);
  header.fill(" ", 148, 156);
  octal(
    header.reduce((sum, byte) => sum + byte, 0),
    148,
    8,
  );
  const body = Buffer.from(data);
  return [...extension, header, body, Buffer.alloc((block - (body.length % block)) % block)];
}

/** A PAX header's data. */
export function paxRecords(pax: Readonly<Record<string, string>>): Buffer {
  const lines = Object.entries(pax).map(([key, value]) => {
    const rest = Buffer.from(` ${key}=${value}\n`);
    let length = rest.length;
    while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
    return Buffer.concat([Buffer.from(String(length)), rest]);
  });
  return Buffer.concat(lines);
}
