/** A name of a path, and what lies below it. */
interface Node {
  /** Where the link of that name leads; undefined where it is none, or one within the tree. */
  link?: string | undefined;
  below?: Map<string, Node>;
}

/**
 * The links of an archive that lead out of its tree. They are kept as a tree of their names: whether a path goes
 * through one costs a step for each of its parts, however deep it is and however many links there are.
 */
export class OutwardLinks {
  readonly #top: Node = {};
  readonly #keep: (bytes: number) => void;

  /** `keep` is told what is kept, and may refuse. */
  constructor(keep: (bytes: number) => void) {
    this.#keep = keep;
  }

  /** Notes that the member of that name is a link to there now. */
  set(parts: readonly string[], link: string): void {
    let node = this.#top;
    for (const part of parts) {
      node.below ??= new Map();
      let next = node.below.get(part);
      if (next === undefined) {
        next = {};
        const own = owned(part);
        this.#keep(own.length);
        node.below.set(own, next);
      }
      node = next;
    }
    this.#keep(link.length);
    node.link = owned(link);
  }

  /** Notes that the member of that name is something else now. */
  delete(parts: readonly string[]): void {
    let node: Node | undefined = this.#top;
    for (const part of parts) node = node?.below?.get(part);
    if (node !== undefined) node.link = undefined;
  }

  /** The first link that a path goes through, with how many of its parts lead to it. */
  above(parts: readonly string[]): { readonly depth: number; readonly link: string } | undefined {
    let node: Node | undefined = this.#top;
    for (let depth = 1; depth < parts.length; depth++) {
      node = node.below?.get(parts[depth - 1] ?? "");
      if (node === undefined) return undefined;
      if (node.link !== undefined) return { depth, link: node.link };
    }
    return undefined;
  }
}

/** A copy: a part of a string keeps all of that, here a header's 4 MiB. */
export function owned(latin1: string): string {
  return Buffer.from(latin1, "latin1").toString("latin1");
}
