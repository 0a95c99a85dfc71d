import { realpathSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { BangerError } from "../rpc/contract/errors.ts";

/** The file to import a `noun` from. The daemon's standard input is not the caller's: of a descriptor that is a file here, the daemon gets its name. */
export function sourceFile(noun: "image" | "kernel", source: string): string {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(source)) {
    throw new BangerError("usage", `${noun} import: source: ${source} is an address, not a file`, {
      details: { field: "source", hint: `Fetch it first: ${fetchFirst(noun)}.` },
    });
  }
  if (source !== "-" && !/^\/dev\/(stdin$|fd\/)|^\/proc\/self\/fd\//.test(source)) return resolve(source);
  const path = source === "-" ? "/dev/stdin" : source;
  if (statSync(path, { throwIfNoEntry: false })?.isFile() === true) return realpathSync(path);
  throw new BangerError("usage", `${noun} import: source: ${source} is no file, and it is read more than once`, {
    details: { field: "source", hint: `Save it first: ${fetchFirst(noun)}.` },
  });
}

function fetchFirst(noun: "image" | "kernel"): string {
  const file = noun === "image" ? "root.tar" : "vmlinuz";
  return `\`curl -Lo ${file} …; banger ${noun} import ${file}\``;
}
