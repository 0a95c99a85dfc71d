import type { Run } from "../process/run.ts";

/** The program that a guest's first process becomes (guest/init). */
const path = "/sbin/init";

/** Says so where a file system has no init: a guest of it runs commands, but no services. */
export async function noteMissingInit(
  disk: string,
  { run, signal, progress }: { run: Run; signal: AbortSignal; progress: (text: string) => Promise<void> },
): Promise<void> {
  // It follows links within the file system, as the guest will; what isn't there is no failure to it.
  const { stdout } = await run({ file: "debugfs", args: ["-R", `stat ${path}`, disk], signal });
  if (!stdout.includes("Inode:")) await progress(`there is no ${path} in it: a guest runs commands, but no services`);
}
