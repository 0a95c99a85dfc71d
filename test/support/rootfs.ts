import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Makes a root file system in `directory` with one static program and no init, and a tar archive of it; returns the archive. */
export function tinyRootFs(directory: string): string {
  const tree = join(directory, "tree");
  for (const path of ["bin", "etc", "dev", "proc", "sys", "run", "tmp"])
    mkdirSync(join(tree, path), { recursive: true });
  writeFileSync(join(tree, "etc/passwd"), "root:x:0:0:root:/:/bin/hello\n");
  const source = join(directory, "hello.c");
  writeFileSync(source, '#include <stdio.h>\nint main(void) { return puts("hello from nowhere") < 0; }\n');
  execFileSync("musl-gcc", ["-static", "-o", join(tree, "bin/hello"), source]);
  execFileSync("chmod", ["4755", join(tree, "bin/hello")]);
  const tar = join(directory, "tiny.tar.gz");
  execFileSync("tar", [
    "--create",
    "--gzip",
    "--owner=123",
    "--group=456",
    "--numeric-owner",
    "--file",
    tar,
    "--directory",
    tree,
    ".",
  ]);
  return tar;
}
