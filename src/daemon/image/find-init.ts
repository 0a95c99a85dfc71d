import type { Run } from "../process/run.ts";

/** The programs that a guest's first process tries to become, in its order (guest/init/handover.c). */
const inits = ["/sbin/init", "/lib/systemd/systemd", "/bin/init"];

/** Says so where a file system has no init: a guest of it runs commands, but no services. */
export async function noteMissingInit(
  disk: string,
  { run, signal, progress }: { run: Run; signal: AbortSignal; progress: (text: string) => Promise<void> },
): Promise<void> {
  for (const path of inits) {
    // What isn't there is no failure to it. Links on the way are followed; one at the end counts, wherever it leads.
    const { stdout } = await run({ file: "debugfs", args: ["-R", `stat ${path}`, disk], on: disk, signal });
    if (stdout.includes("Inode:")) return;
  }
  await progress(`there is no init in it (${inits.join(", ")}): a guest runs commands, but no services`);
}
