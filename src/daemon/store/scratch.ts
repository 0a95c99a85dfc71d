import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Layout } from "../../installation/layout.ts";
import { withCleanup } from "../process/with-cleanup.ts";

/** Runs `work` with an empty directory that is removed afterwards, on the file system of the results. */
export async function inScratch<T>(
  { scratch }: Pick<Layout, "scratch">,
  work: (directory: string) => Promise<T>,
): Promise<T> {
  mkdirSync(scratch, { recursive: true, mode: 0o700 });
  const directory = mkdtempSync(join(scratch, "make-"));
  return withCleanup(
    () => work(directory),
    async () => rmSync(directory, { recursive: true, force: true }),
  );
}
