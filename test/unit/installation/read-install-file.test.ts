import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readRootsFile } from "../../../src/helper/files/roots-file.ts";
import { installPath, readInstallFile } from "../../../src/installation/read-install-file.ts";

const delivered = "deploy/install.toml";

describe("the install file's file", () => {
  let directory: string;
  const at = (name: string) => join(directory, name);
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "banger-install-"));
    mkdirSync(at("directory"));
    execFileSync("mkfifo", [at("fifo")]);
    writeFileSync(at("empty"), "");
    writeFileSync(at("latin-1"), Buffer.from('# f\xfcr uns\nid = "12ab34cd"\n', "latin1"));
    writeFileSync(at("utf-16"), Buffer.from('\uFEFFid = "12ab34cd"\n', "utf16le"));
    writeFileSync(at("huge"), "");
    truncateSync(at("huge"), 1024 ** 3);
    symlinkSync(join(process.cwd(), delivered), at("link"));
    symlinkSync(at("nowhere"), at("dangling"));
    symlinkSync(at("itself"), at("itself"));
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  it.each([
    ["missing", /there is no such file; write one .* \$BANGER_CONFIG/],
    ["dangling", /there is no such file/],
    ["itself", /is a symbolic link/],
    ["empty/below", /there is no such file/],
    ["directory", /is a directory; name the file itself/],
    ["fifo", /is no regular file/],
    ["empty", /id: missing; add id = "…"/],
    ["latin-1", /is not UTF-8 text/],
    ["utf-16", /is not UTF-8 text/],
    ["huge", /is larger than 65536 bytes/],
  ])("is refused when it is %s, by name", (name, message) => {
    const read = () => readInstallFile(at(name));
    expect(read).toThrow(message);
    expect(read).toThrow(at(name));
  });

  it("may be behind a link, but not for the helper", () => {
    expect(readInstallFile(at("link"))).toMatchObject({ ownerUid: 1000 });
    expect(() => readRootsFile(at("link"))).toThrow(/is a symbolic link; name what it leads to/);
  });

  it("that is missing may be named as the program that reads it lets it", () => {
    expect(() => readInstallFile(at("missing"))).toThrow(/or name yours with --config or \$BANGER_CONFIG$/);
    expect(() => readRootsFile(at("missing"))).toThrow(/or name yours with --config; \$BANGER_CONFIG isn't read here$/);
  });

  it.each([
    [[undefined, undefined], "/etc/banger/install.toml"],
    [["", ""], "/etc/banger/install.toml"],
    [[undefined, "b"], "b"],
    [["a", "b"], "a"],
  ])("of the names %j is the one at %s", (named, path) => {
    expect(installPath(...named)).toBe(path);
  });
});
