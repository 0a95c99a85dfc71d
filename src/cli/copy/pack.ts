import { constants, type Stats } from "node:fs";
import { lstat, open, readdir, readlink, stat } from "node:fs/promises";
import { type NewMember, paddingOf, tarEnd, tarHeader } from "../../archive/tar-writer.ts";
import { BangerError } from "../../rpc/contract/errors.ts";
import { below, onFile, shownPath } from "./local-path.ts";
import type { CopyTally } from "./tally.ts";

/** So much is read, and sent, at a time. */
const pieceBytes = 65_536;
/** Who may do what; bits that set ids would give away the owner's rights, who is another there. */
export const keptMode = 0o777;
const top = Buffer.from("t");

/**
 * A file or a tree as an archive with one tree, `t`. What the path itself leads to is packed; links below it stay links. What can't be
 * packed is refused before anything is begun with the archive.
 */
export async function pack(source: Buffer, tally: CopyTally): Promise<AsyncGenerator<Buffer>> {
  const facts = await onFile(source, () => stat(source));
  if (!facts.isFile() && !facts.isDirectory()) {
    throw new BangerError("bad_params", `source: ${shownPath(source)} is ${kindOf(facts)}, which can't be copied`, {
      details: { field: "source", hint: "`-` copies what a pipe gives." },
    });
  }
  return inPieces(new Packer(tally).all(source, facts));
}

class Packer {
  readonly #tally: CopyTally;
  /** The name of the first of several names of a file, by device and inode. */
  readonly #named = new Map<string, Buffer>();

  constructor(tally: CopyTally) {
    this.#tally = tally;
  }

  async *all(source: Buffer, facts: Stats): AsyncGenerator<Buffer> {
    yield* this.#any(source, top, facts);
    yield tarEnd;
  }

  async *#any(path: Buffer, name: Buffer, facts: Stats): AsyncGenerator<Buffer> {
    if (facts.isDirectory()) return yield* this.#directory(path, name, facts);
    if (facts.isSymbolicLink()) {
      const link = await onFile(path, () => readlink(path, { encoding: "buffer" }));
      this.#tally.files++;
      return yield tarHeader({ ...common(name, facts), type: "2", link, size: 0 });
    }
    if (!facts.isFile()) return this.#tally.skip(`${shownPath(path)} (${kindOf(facts)})`);
    const inode = `${facts.dev}:${facts.ino}`;
    const link = facts.nlink > 1 ? this.#named.get(inode) : undefined;
    if (link !== undefined) {
      this.#tally.files++;
      return yield tarHeader({ ...common(name, facts), type: "1", link, size: 0 });
    }
    if (facts.nlink > 1) this.#named.set(inode, name);
    yield* this.#file(path, name);
  }

  async *#directory(path: Buffer, name: Buffer, facts: Stats): AsyncGenerator<Buffer> {
    yield tarHeader({ ...common(Buffer.concat([name, Buffer.from("/")]), facts), type: "5", size: 0 });
    for (const entry of await onFile(path, () => readdir(path, { encoding: "buffer" }))) {
      const inside = below(path, entry);
      yield* this.#any(inside, below(name, entry), await onFile(inside, () => lstat(inside)));
    }
  }

  async *#file(path: Buffer, name: Buffer): AsyncGenerator<Buffer> {
    const { O_RDONLY, O_NONBLOCK } = constants;
    const file = await onFile(path, () => open(path, O_RDONLY | O_NONBLOCK));
    try {
      const facts = await file.stat();
      if (!facts.isFile())
        throw new BangerError("bad_content", `${shownPath(path)} became another kind of file while it was read`);
      yield tarHeader({ ...common(name, facts), type: "0", size: facts.size });
      for (let left = facts.size; left > 0; ) {
        const { buffer, bytesRead } = await onFile(path, () =>
          file.read(Buffer.allocUnsafe(Math.min(left, pieceBytes))),
        );
        if (bytesRead === 0)
          throw new BangerError("bad_content", `${shownPath(path)} became shorter while it was read`);
        left -= bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
      yield paddingOf(facts.size);
      this.#tally.files++;
      this.#tally.bytes += facts.size;
    } finally {
      await file.close();
    }
  }
}

function common(name: Buffer, facts: Stats): Pick<NewMember, "name" | "mode" | "mtime"> {
  return { name, mode: facts.mode & keptMode, mtime: facts.mtimeMs / 1000 };
}

function kindOf(facts: Stats): string {
  if (facts.isSocket()) return "a socket";
  return facts.isFIFO() ? "a FIFO" : "a device";
}

/** Small pieces joined, so that each is worth its frame. */
async function* inPieces(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let waiting: Buffer[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    waiting.push(chunk);
    length += chunk.length;
    if (length < pieceBytes) continue;
    yield Buffer.concat(waiting);
    waiting = [];
    length = 0;
  }
  if (length > 0) yield Buffer.concat(waiting);
}
