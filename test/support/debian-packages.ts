import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { appendFileSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** A package to be made. */
export interface FakePackage {
  readonly name: string;
  readonly depends?: string;
  readonly files?: Readonly<Record<string, string | Buffer>>;
}

/** Makes Debian packages in `directory`, and an apt that knows them and no others; returns its configuration file. */
export function packageSource(directory: string, packages: readonly FakePackage[]): string {
  const repository = join(directory, "repository");
  for (const path of ["repository", "state/lists", "cache/archives"])
    mkdirSync(join(directory, path), { recursive: true });
  for (const fake of packages) makePackage(repository, fake);
  writeFileSync(join(directory, "sources.list"), `deb [trusted=yes] file:${repository} ./\n`);
  const config = join(directory, "apt.conf");
  writeFileSync(
    config,
    [
      `Dir::State "${directory}/state";`,
      `Dir::State::status "/dev/null";`,
      `Dir::Cache "${directory}/cache";`,
      `Dir::Etc::sourcelist "${directory}/sources.list";`,
      `Dir::Etc::sourceparts "-";`,
      `APT::Sandbox::User "";`,
    ].join("\n"),
  );
  execFileSync("apt-get", ["-q", "update"], { env: { ...process.env, APT_CONFIG: config }, stdio: "pipe" });
  execFileSync("chmod", ["-R", "a+rX", directory]);
  return config;
}

function makePackage(repository: string, { name, depends, files = {} }: FakePackage): void {
  const tree = join(repository, "tree");
  const control = [
    `Package: ${name}`,
    "Version: 1",
    "Architecture: amd64",
    "Maintainer: nobody <n@example.org>",
    "Description: a test's",
    ...(depends === undefined ? [] : [`Depends: ${depends}`]),
  ].join("\n");
  for (const [path, content] of Object.entries({ "DEBIAN/control": `${control}\n`, ...files })) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), content);
  }
  const deb = join(repository, `${name}.deb`);
  execFileSync("dpkg-deb", ["--build", tree, deb], { stdio: "pipe" });
  rmSync(tree, { recursive: true });
  const sum = createHash("sha256").update(readFileSync(deb)).digest("hex");
  appendFileSync(
    join(repository, "Packages"),
    `${control}\nFilename: ./${name}.deb\nSize: ${statSync(deb).size}\nSHA256: ${sum}\n\n`,
  );
}
