import { describe, expect, it } from "vitest";
import { asciiOf, saysUtf8 } from "../../../src/cli/output/locale.ts";
import { columns, fields } from "../../../src/cli/output/table.ts";
import { terminalOf } from "../../../src/cli/output/terminal.ts";
import { cutTo, textWidth } from "../../../src/cli/output/text-width.ts";

const tty = (wide: number) => ({ isTTY: true, columns: wide });
const pipe = { isTTY: false, columns: undefined as unknown as number };

describe("a terminal", () => {
  it.each([
    [tty(100), {}, 100],
    [tty(100), { COLUMNS: "20" }, 20],
    [tty(0), {}, 80],
    [tty(0), { COLUMNS: "33" }, 33],
    [tty(100), { COLUMNS: "abc" }, 100],
    [tty(100), { COLUMNS: "0" }, 100],
    [tty(100), { COLUMNS: "-5" }, 100],
    [tty(100), { COLUMNS: "1e3" }, 100],
    [tty(100), { COLUMNS: "" }, 100],
    [tty(100), { COLUMNS: "99999999999999999999" }, 100],
    [tty(100), { COLUMNS: "999999999" }, 10_000],
    [pipe, {}, 120],
    [pipe, { COLUMNS: "40" }, 40],
    [pipe, { COLUMNS: "abc" }, 120],
  ])("%j with %j has %i columns", (stream, env, expected) => {
    expect(terminalOf(stream, env).columns).toBe(expected);
  });

  it.each([
    [tty(80), {}, true],
    [pipe, {}, false],
    [tty(80), { TERM: "dumb" }, false],
    [tty(80), { NO_COLOR: "1" }, false],
    [tty(80), { NO_COLOR: "" }, true],
    [pipe, { FORCE_COLOR: "" }, true],
    [pipe, { FORCE_COLOR: "1" }, true],
    [tty(80), { FORCE_COLOR: "0" }, false],
    [tty(80), { FORCE_COLOR: "false" }, false],
    [tty(80), { FORCE_COLOR: "1", TERM: "dumb" }, true],
    [tty(80), { FORCE_COLOR: "1", NO_COLOR: "1" }, false],
  ])("%j with %j: colour %s", (stream, env, expected) => {
    expect(terminalOf(stream, env).colour).toBe(expected);
  });
});

describe("a locale", () => {
  it.each([
    [{}, true],
    [{ LANG: "" }, true],
    [{ LANG: "C" }, false],
    [{ LANG: "POSIX" }, false],
    [{ LANG: "C.UTF-8" }, true],
    [{ LANG: "en_US.utf8" }, true],
    [{ LANG: "de_DE.UTF-8@euro" }, true],
    [{ LANG: "de_DE" }, false],
    [{ LC_CTYPE: "UTF-8" }, true],
    [{ LC_CTYPE: "utf8", LANG: "C" }, true],
    [{ LC_CTYPE: "xUTF-8" }, false],
    [{ LANG: "ja_JP.eucJP" }, false],
    [{ LANG: "en_US.UTF-8", LC_ALL: "C" }, false],
    [{ LANG: "en_US.UTF-8", LC_CTYPE: "C" }, false],
    [{ LANG: "C", LC_CTYPE: "en_US.UTF-8" }, true],
    [{ LANG: "en_US.UTF-8", LC_ALL: "", LC_CTYPE: "C" }, false],
    [{ LC_CTYPE: "C", LC_ALL: "C.UTF-8" }, true],
    [{ LANG: "en_US.UTF-8", LC_MESSAGES: "C" }, true],
  ])("%j is UTF-8: %s", (env, expected) => {
    expect(saysUtf8(env)).toBe(expected);
  });

  it.each([
    ["  ✓ tap  12 ms", "  + tap  12 ms"],
    ["█▏ ✗ ↩ …", "#| x < ..."],
    ["/srv/é😀", "/srv/\\u{e9}\\u{1f600}"],
    ["plain \u001b[31m", "plain \u001b[31m"],
  ])("that is not: %j is %j", (text, expected) => {
    expect(asciiOf(text)).toBe(expected);
  });
});

describe("a text's width", () => {
  it.each([
    ["abc", 3],
    ["é", 1],
    ["e\u0301", 1],
    ["日本語", 6],
    ["한", 2],
    ["😀", 2],
    ["a\u200bb", 2],
    ["ｆ", 2],
    ["", 0],
  ])("%j: %i", (text, expected) => {
    expect(textWidth(text)).toBe(expected);
  });

  it.each([
    ["abcdef", 6, "abcdef"],
    ["abcdef", 5, "abcd~"],
    ["日本語", 5, "日本~"],
    ["日本語", 4, "日~"],
    ["abc", 1, "~"],
    ["abc", 0, ""],
  ])("%j in %i columns is %j", (text, wide, expected) => {
    expect(cutTo(text, wide, "~")).toBe(expected);
  });
});

describe("a table", () => {
  it("stays in line with wide characters, and a cell is one line without controls", () => {
    expect(
      columns([
        ["日本", "1", "x"],
        ["a\nb\tc", "2", "\u001b[2Jy\u202e"],
        ["n".repeat(40), "3", ""],
      ]),
    ).toBe(`日本${" ".repeat(36)}  1  x\na b c${" ".repeat(35)}  2  y\n${"n".repeat(40)}  3\n`);
    expect(fields([["error", "one\ntwo"]])).toBe("error  one two\n");
  });
});
