import { BangerError } from "../../rpc/contract/errors.ts";
import { textOfBytes } from "../../rpc/byte-text.ts";
import { hostTroubleOf } from "../../rpc/host-trouble.ts";

/** A name below a directory, in the bytes that a file system has. */
export function below(directory: Buffer, name: Buffer): Buffer {
  return Buffer.concat([directory, Buffer.from("/"), name]);
}

/** A path for a message. */
export function shownPath(path: Buffer): string {
  return textOfBytes(path);
}

/** Runs what works on a file of the caller's; a failure names the file. */
export async function onFile<T>(path: Buffer, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw troubleWith(path, error);
  }
}

function troubleWith(path: Buffer, error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (error instanceof BangerError || code === undefined) return error;
  const shown = shownPath(path);
  if (code === "ENOENT")
    return new BangerError("not_found", `${shown}: there is no such file`, {
      cause: error,
      details: { hint: "Paths without `VM:` are of this host." },
    });
  // What the table of the host's troubles says of these is meant for files of banger's own.
  if (code === "EACCES" || code === "EPERM")
    return new BangerError("host_failed", `${shown}: permission denied`, {
      cause: error,
      details: { hint: "This user may not do that there; `ls -ld` shows who may." },
    });
  const trouble = hostTroubleOf(error);
  const why = trouble?.plain ?? code;
  return new BangerError(trouble?.code ?? "host_failed", why.startsWith(shown) ? why : `${shown}: ${why}`, {
    cause: error,
  });
}
