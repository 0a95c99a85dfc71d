import { execFileSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { configPath } from "../../../src/daemon/home/owner-home.ts";
import { readText } from "../../../src/daemon/config/read-text.ts";
import { UserConfig } from "../../../src/daemon/config/user-config.ts";
import { BangerError } from "../../../src/rpc/contract/errors.ts";

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "banger-config-"));
  path = join(directory, "config.toml");
});
afterEach(() => rmSync(directory, { recursive: true }));

const cpus = (count: number) => `[defaults]\ncpus = ${count}\n`;
/** What reading it comes to: its cpus, or the error. */
const outcome = (config: UserConfig): unknown => {
  try {
    return config.read().values.defaults.cpus;
  } catch (error) {
    return error instanceof BangerError ? `${error.code}: ${error.plain}` : error;
  }
};

describe("where the file is", () => {
  const none = () => {
    throw new Error("ENOENT: no such user");
  };
  it.each<[string, NodeJS.ProcessEnv, () => string, string | undefined]>([
    ["below the home of passwd", { HOME: "/elsewhere" }, () => "/home/o", "/home/o/.config/banger/config.toml"],
    ["below the directory that is named", { XDG_CONFIG_HOME: "/x" }, () => "/home/o", "/x/banger/config.toml"],
    ["not where a relative name leads", { XDG_CONFIG_HOME: "x" }, () => "/h", "/h/.config/banger/config.toml"],
    ["not where an empty name leads", { XDG_CONFIG_HOME: "" }, () => "/h", "/h/.config/banger/config.toml"],
    ["where it is named, though there is no home", { XDG_CONFIG_HOME: "/x" }, none, "/x/banger/config.toml"],
    ["nowhere without a home", {}, none, undefined],
    ["nowhere with a home that isn't one", {}, () => "", undefined],
  ])("is %s", (_, env, home, expected) => expect(configPath(env, home)).toBe(expected));
});

describe("a file", () => {
  const rows: readonly [string, () => void, RegExp | number | undefined][] = [
    ["absent", () => undefined, undefined],
    ["below a directory that is absent", () => void (path = join(directory, "no", "config.toml")), undefined],
    ["as it should be", () => writeFileSync(path, cpus(2)), 2],
    ["empty", () => writeFileSync(path, ""), undefined],
    ["begun with a byte order mark", () => writeFileSync(path, `\uFEFF${cpus(3)}`), 3],
    [
      "reached by a link",
      () => {
        writeFileSync(join(directory, "dotfile"), cpus(4));
        symlinkSync("dotfile", path);
      },
      4,
    ],
    ["a link to nothing", () => symlinkSync("nothing", path), undefined],
    ["a link to itself", () => symlinkSync("config.toml", path), /: is a symbolic link to itself/],
    ["a directory", () => mkdirSync(path), /: is a directory; move it away$/],
    ["a FIFO", () => void execFileSync("mkfifo", [path]), /: is no regular file; move it away$/],
    ["a device", () => symlinkSync("/dev/zero", path), /: is no regular file; move it away$/],
    [
      "below a file",
      () => {
        writeFileSync(join(directory, "file"), "");
        path = join(directory, "file", "config.toml");
      },
      /: lies below what is no directory/,
    ],
    ["huge", () => writeFileSync(path, `#${" ".repeat(65_536)}`), /: is larger than 65536 bytes/],
    ["of too many lines", () => writeFileSync(path, "\n".repeat(2_001)), /: has more than 2000 lines/],
    ["not UTF-8", () => writeFileSync(path, Buffer.from([0x23, 0xe9, 0x0a])), /: is not UTF-8 text; save it as that$/],
    [
      "written by everybody",
      () => {
        writeFileSync(path, cpus(2));
        chmodSync(path, 0o666);
      },
      /: can be written by everybody; `chmod o-w` it$/,
    ],
    ["broken", () => writeFileSync(path, cpus(0)), /config\.toml:2: defaults\.cpus: 0 must be a whole number/],
  ];
  it.each(rows)("that is %s", (_, make, expected) => {
    make();
    const got = outcome(new UserConfig(path));
    if (!(expected instanceof RegExp)) return expect(got).toBe(expected);
    expect(got).toMatch(expected);
    expect(got).toMatch(/^bad_config: \//);
  });

  it("of somebody else's is refused, of root's isn't", () => {
    writeFileSync(path, cpus(2));
    const { uid } = statSync(path);
    expect(readText(path, uid)).toBe(cpus(2));
    const ofAnother = () => readText(path, uid + 1);
    if (uid === 0) expect(ofAnother()).toBe(cpus(2));
    else expect(ofAnother).toThrow(`belongs to uid ${uid}`);
  });

  it("says as much as can be read of what is wrong with it", () => {
    writeFileSync(path, `[defaults]\n${Array.from({ length: 9 }, (_, index) => `key${index} = 1`).join("\n")}\n`);
    expect(outcome(new UserConfig(path))).toMatch(
      /config\.toml:6: defaults\.key4: [^;]+; known are [^;]+; and 4 more$/,
    );
  });
});

describe("a file that changes", () => {
  it.each<[string, () => void]>([
    ["is written anew", () => writeFileSync(path, cpus(32))],
    [
      "is exchanged for one of the same size and time",
      () => {
        const { atime, mtime } = statSync(path);
        writeFileSync(`${path}.new`, cpus(3));
        utimesSync(`${path}.new`, atime, mtime);
        renameSync(`${path}.new`, path);
      },
    ],
    ["goes", () => rmSync(path)],
    ["breaks", () => writeFileSync(path, "[")],
  ])("is read again when it %s", (_, change) => {
    writeFileSync(path, cpus(2));
    const config = new UserConfig(path);
    expect(outcome(config)).toBe(2);
    change();
    expect(outcome(config)).toEqual(outcome(new UserConfig(path)));
    expect(outcome(config)).not.toBe(2);
  });

  it("isn't read again while it is the same, broken or not", () => {
    for (const text of [cpus(2), "["]) {
      writeFileSync(path, text);
      const config = new UserConfig(path);
      const reads = () => {
        try {
          return config.read();
        } catch (error) {
          return error;
        }
      };
      expect(reads()).toBe(reads());
    }
  });

  it("that comes is read", () => {
    const config = new UserConfig(path);
    expect(outcome(config)).toBeUndefined();
    writeFileSync(path, cpus(2));
    expect(outcome(config)).toBe(2);
  });
});
