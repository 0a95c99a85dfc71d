import { realpathSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { BangerError } from "../rpc/contract/errors.ts";

/** The file to import a `noun` from. The daemon's standard input is not the caller's: of a descriptor that is a file here, the daemon gets its name. */
export function sourceFile(noun: "image" | "kernel", source: string): string {
  if (source !== "-" && !/^\/dev\/(stdin$|fd\/)|^\/proc\/self\/fd\//.test(source)) return resolve(source);
  const path = source === "-" ? "/dev/stdin" : source;
  if (statSync(path, { throwIfNoEntry: false })?.isFile() === true) return realpathSync(path);
  const file = noun === "image" ? "root.tar" : "vmlinuz";
  throw new BangerError("usage", `${noun} import: source: ${source} is no file, and it is read more than once`, {
    details: { field: "source", hint: `Save it first: \`curl -o ${file} …; banger ${noun} import ${file}\`.` },
  });
}
