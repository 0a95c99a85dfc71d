import { chmodSync, chownSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { parseResolvConf, watchResolvConf } from "../../../src/daemon/network/names/resolv-conf.ts";

it.each([
  ["nothing", "", [], []],
  ["what is usual", "search a.test b.test\nnameserver 192.0.2.1\n", ["192.0.2.1"], ["a.test", "b.test"]],
  ["the last of search and domain", "search a.test\ndomain b.test\n", [], ["b.test"]],
  ["IPv6, with a scope too", "nameserver ::1\nnameserver fe80::1%eth0\n", ["::1", "fe80::1%eth0"], []],
  [
    "three servers",
    "nameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 3.3.3.3\nnameserver 4.4.4.4",
    ["1.1.1.1", "2.2.2.2", "3.3.3.3"],
    [],
  ],
  [
    "tabs, spaces, comments behind",
    "nameserver\t1.1.1.1 # one\nnameserver   2.2.2.2;two\r\n",
    ["1.1.1.1", "2.2.2.2"],
    [],
  ],
  [
    "no comments, options, names, halves",
    "#nameserver 1.1.1.1\n;nameserver 2.2.2.2\noptions ndots:5\nnameserver one.test\nnameserver\nnameserver 1.2.3\n nameserver 3.3.3.3\nNAMESERVER 4.4.4.4",
    [],
    [],
  ],
  ["no search that is none", "search . -x a..b $(reboot) ok.test\n", [], ["ok.test"]],
  ["no noise", "\0\xff\x01nameserver\0 1.1.1.1\n", [], []],
])("reads %s", (_, text, servers, search) => {
  expect(parseResolvConf(text)).toEqual({ servers, search });
});

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "banger-resolv-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

it("says what the file says now, whatever was done to it", () => {
  const path = join(directory, "resolv.conf");
  const write = (name: string, server: string) => writeFileSync(join(directory, name), `nameserver ${server}\n`);
  const now = watchResolvConf(path);
  expect(now().servers).toEqual([]);
  write("resolv.conf", "1.1.1.1");
  expect(now().servers).toEqual(["1.1.1.1"]);
  write("resolv.conf", "2.2.2.2");
  expect(now().servers, "written").toEqual(["2.2.2.2"]);
  write("new", "3.3.3.3");
  renameSync(join(directory, "new"), path);
  expect(now().servers, "replaced").toEqual(["3.3.3.3"]);
  rmSync(path);
  expect(now().servers, "gone").toEqual([]);
  write("target", "4.4.4.4");
  symlinkSync("target", path);
  expect(now().servers, "a link").toEqual(["4.4.4.4"]);
  write("target", "5.5.5.5");
  expect(now().servers, "a link whose target changed").toEqual(["5.5.5.5"]);
  rmSync(join(directory, "target"));
  expect(now().servers, "a link to nothing").toEqual([]);
  rmSync(path);
  execFileSync("mkfifo", [path]);
  expect(now().servers, "a FIFO").toEqual([]);
});

/** As a user to whom modes apply, as they don't to root. */
function asNobody<T>(work: () => T): T {
  if (process.getuid?.() !== 0) return work();
  process.seteuid?.(65_534);
  try {
    return work();
  } finally {
    process.seteuid?.(0);
  }
}

it.each<[string, RegExp, (path: string) => void]>([
  ["nobody may read", /permission denied/, (path) => chmodSync(path, 0)],
  ["is a link to itself", /too many symbolic links/, (path) => (rmSync(path), symlinkSync(path, path))],
  ["lies where nobody may enter", /permission denied/, (path) => chmodSync(join(path, ".."), 0)],
])("keeps what it knew of a file that %s, and says why", (_, why, spoil) => {
  const path = join(directory, "resolv.conf");
  chmodSync(directory, 0o777);
  if (process.getuid?.() === 0) chownSync(directory, 65_534, 65_534);
  writeFileSync(path, "nameserver 1.1.1.1\n");
  const [knew, neverKnew] = [watchResolvConf(path), watchResolvConf(path)];
  expect(asNobody(knew)).toEqual({ servers: ["1.1.1.1"], search: [] });
  spoil(path);
  const unreadable = expect.stringMatching(why) as string;
  expect(asNobody(knew)).toEqual({ servers: ["1.1.1.1"], search: [], unreadable });
  expect(asNobody(neverKnew)).toEqual({ servers: [], search: [], unreadable });
  chmodSync(directory, 0o777);
  rmSync(path);
  writeFileSync(path, "nameserver 2.2.2.2\n");
  expect(asNobody(knew)).toEqual({ servers: ["2.2.2.2"], search: [] });
});
