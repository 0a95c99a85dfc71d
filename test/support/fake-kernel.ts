/** What a made-up kernel is like. */
export interface FakeKernel {
  readonly machine?: number;
  readonly pvh?: boolean;
  readonly release?: string;
  /** Strings in it, each ended by a NUL. */
  readonly holds?: readonly string[];
}

/** The flags of the modules that a made-up kernel takes. */
export const flags = "SMP preempt mod_unload ";

/** The head of an ELF file for x86-64, and the few words by which a kernel is known. */
export function fakeKernel({ machine = 62, pvh = true, release = "6.1.0-1", holds = [] }: FakeKernel = {}): Buffer {
  const head = Buffer.alloc(64);
  head.write("\x7fELF\x02\x01", "latin1");
  head.writeUInt16LE(machine, 18);
  const note = Buffer.concat([Buffer.from(Uint32Array.of(4, 8, pvh ? 18 : 17).buffer), Buffer.from("Xen\0")]);
  const words = ["Linux version %s (%s)", `Linux version ${release} (me@here)`, `${release} ${flags}`, ...holds];
  return Buffer.concat([
    head,
    note,
    Buffer.from(
      words
        .map((word) => `${word}\0`)
        .join("")
        .concat("text ".repeat(5_000)),
    ),
  ]);
}
