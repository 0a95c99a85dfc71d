/** So many names of what isn't copied are kept: a guest may send any number. */
const mostNames = 1_000;

/** What a copy is told as. */
export class CopyTally {
  files = 0;
  bytes = 0;
  /** Paths of what can't be copied: sockets, devices, FIFOs. */
  readonly skipped: string[] = [];
  /** How many there are beyond those. */
  skipped_more = 0;

  skip(path: string): void {
    if (this.skipped.length < mostNames) this.skipped.push(path);
    else this.skipped_more++;
  }
}
