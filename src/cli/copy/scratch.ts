import { rmSync } from "node:fs";
import { chmod, mkdtemp, readdir, rm } from "node:fs/promises";
import { BangerError } from "../../rpc/contract/errors.ts";
import { below, onFile, shownPath } from "./local-path.ts";

/** Makes an empty directory of the caller's alone beside a copy's place, for `work`; it goes with all that is in it, also when the process is told to leave. */
export async function withScratch<T>(beside: Buffer, work: (scratch: Buffer) => Promise<T>): Promise<T> {
  const prefix = below(beside, Buffer.from(".banger-cp-"));
  const scratch = await onFile(beside, () =>
    mkdtemp(prefix as unknown as string, { encoding: "buffer" }).catch((error: unknown) => {
      throw takesNothing(beside, error);
    }),
  );
  const remove = () => rmSync(scratch, { recursive: true, force: true });
  process.once("exit", remove);
  try {
    return await work(scratch);
  } finally {
    await openAll(scratch);
    await rm(scratch, { recursive: true, force: true });
    process.off("exit", remove);
  }
}

/** The directory is there, as who asked has seen; one of the kernel's has no place for a name that it didn't make. */
function takesNothing(directory: Buffer, error: unknown): unknown {
  if ((error as NodeJS.ErrnoException).code !== "ENOENT") return error;
  return new BangerError("host_failed", `nothing can be made in ${shownPath(directory)}`, {
    cause: error,
    details: { hint: "Name another place." },
  });
}

/** A directory that is closed to its owner can't be emptied. */
async function openAll(directory: Buffer): Promise<void> {
  await chmod(directory, 0o700);
  for (const entry of await readdir(directory, { encoding: "buffer", withFileTypes: true })) {
    if (entry.isDirectory()) await openAll(below(directory, entry.name));
  }
}
