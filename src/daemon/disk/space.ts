import { statSync } from "node:fs";
import { sharedBytes } from "./shared-bytes.ts";

/** Of stat(2)'s `blocks`. */
const blockBytes = 512;

/** What a file takes on the host, in bytes. */
export interface Space {
  /** That nothing else has: what would be free again without it. Where what is shared isn't known, all that it takes. */
  readonly own: number;
  /** That it shares with its image or another file; undefined where nobody can say, or not in good time. */
  readonly shared: number | undefined;
}

/** Says what a file takes. Blocks are counted, not the size: a hole takes nothing. */
export async function spaceOf(file: string): Promise<Space> {
  const taken = statSync(file).blocks * blockBytes;
  const shared = await sharedBytes(file);
  // A file system that compresses tells the length of what is shared before it was compressed.
  const within = shared === undefined ? undefined : Math.min(shared, taken);
  return { own: taken - (within ?? 0), shared: within };
}
