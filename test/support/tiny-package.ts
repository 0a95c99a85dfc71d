import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { formatManifest, manifestName } from "../../src/setup/package/manifest.ts";

/** A package with the units of this tree, `slice` added to one of them, and hardly anything else; a broken one starts and never answers. */
export function tinyPackage(root: string, version: string, { schema = 1, broken = false, slice = "" } = {}): string {
  const texts: Record<string, string> = {
    "bin/banger": `#!/bin/sh\necho ${version}\n`,
    "dist/bangerd.cjs": `// ${version}\n`,
  };
  if (broken) texts["broken"] = "";
  for (const name of readdirSync("deploy/systemd")) {
    texts[`deploy/systemd/${name}`] = readFileSync(`deploy/systemd/${name}`, "utf8");
  }
  texts["deploy/systemd/banger.slice"] += slice;
  const files = Object.entries(texts).map(([path, text]) => {
    const executable = path.startsWith("bin/");
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
    chmodSync(join(root, path), executable ? 0o755 : 0o644);
    return { path, executable, size: Buffer.byteLength(text), sha256: createHash("sha256").update(text).digest("hex") };
  });
  writeFileSync(join(root, manifestName), formatManifest({ version, schema, node: "26", files }));
  return root;
}
